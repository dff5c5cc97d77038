import { Injectable, type OnModuleInit } from '@nestjs/common';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, IsNull, type Repository } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { Config } from '../../platform/config/config.ts';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { MacService } from '../../platform/security/mac.service.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { userDeleted, userRoleChanged, userSuspended } from '../../users/users.events.ts';
import { sessionEnded } from '../auth.audit.ts';
import { makeRefreshToken } from './refresh-token.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { type RevokedReason, Session } from './session.entity.ts';

export interface Device {
  userAgent: string | null;
  ipAddress: string | null;
}

/** The data for the next token pair of a session. */
export interface ActiveSession {
  id: string;
  userId: string;
  role: string;
  createdAt: Date;
  refreshToken: string;
}

const SALT_BYTES = 32;
const USER_AGENT_MAX = 400;
/** A new session beyond this limit revokes the oldest one. */
const SESSIONS_PER_USER_MAX = 20;

/** Creates, lists and revokes sessions. All times are taken from the database, so that instances can't disagree. */
@Injectable()
export class SessionsService implements OnModuleInit {
  constructor(
    private readonly db: DataSource,
    private readonly macs: MacService,
    private readonly revocations: SessionRevocations,
    private readonly config: Config,
    private readonly audit: AuditService,
    private readonly events: DomainEvents,
  ) {}

  /** A role change, a suspension or a deletion of the user revokes all sessions in the same transaction. */
  onModuleInit(): void {
    const revoke = (reason: RevokedReason) => (event: { data: { id: string } }, tx: EntityManager) =>
      this.revokeAllSessions(event.data.id, reason, tx);
    // Access tokens contain the role, so a token with the old role must not stay valid.
    this.events.on(userRoleChanged, revoke('role-changed'));
    this.events.on(userSuspended, revoke('suspended'));
    this.events.on(userDeleted, revoke('deleted'));
  }

  private get sessions(): Repository<Session> {
    return this.db.getRepository(Session);
  }

  /** The caller holds the lock of the user's row, so that a revocation of all sessions can't miss this one. */
  async createSession(
    user: { id: string; role: string },
    device: Device,
    tx: EntityManager,
  ): Promise<ActiveSession> {
    const id = randomUUIDv7();
    const salt = randomBytes(SALT_BYTES);
    const userAgent = device.userAgent?.slice(0, USER_AGENT_MAX) ?? null;
    // The new session is not visible to `excess`, which keeps one session less.
    const [row] = await tx.query<{ createdAt: Date; excess: string[] }[]>(
      `WITH created AS (
         INSERT INTO sessions (id, user_id, user_agent, ip_address, salt, expires_at)
         VALUES ($1, $2, $3, $4, $5, now() + make_interval(days => $6)) RETURNING created_at
       ), excess AS (
         UPDATE sessions SET revoked_at = now(), revoked_reason = 'excess' WHERE id IN (
           SELECT id FROM sessions WHERE user_id = $2 AND revoked_at IS NULL AND expires_at > now()
           ORDER BY created_at DESC, id DESC OFFSET ${SESSIONS_PER_USER_MAX - 1} LIMIT 100
         ) RETURNING id
       )
       SELECT created_at AS "createdAt", ARRAY (SELECT id FROM excess) AS excess FROM created`,
      [id, user.id, userAgent, device.ipAddress, salt, this.config.SESSION_MAX_DAYS],
    );
    this.revocations.addAfterCommit(row!.excess, tx);
    const refreshToken = makeRefreshToken({ sessionId: id, counter: 0 }, salt, this.macs);
    return { id, userId: user.id, role: user.role, createdAt: row!.createdAt, refreshToken };
  }

  /** Sessions that can still be refreshed, most recently used first. */
  listActive(userId: string): Promise<Session[]> {
    return this.sessions
      .createQueryBuilder('session')
      .where({ userId, revokedAt: IsNull() })
      .andWhere('session.expiresAt > now()')
      .andWhere('session.lastUsedAt > now() - make_interval(days => :idleDays)', {
        idleDays: this.config.SESSION_IDLE_DAYS,
      })
      .orderBy('session.lastUsedAt', 'DESC')
      .getMany();
  }

  /** Revokes one of the caller's own sessions. Revoking it again changes nothing. */
  async revokeOwnSession(id: string, { userId }: Principal): Promise<void> {
    if (!(await this.sessions.existsBy({ id, userId }))) throw new NotFoundError();
    await this.db.transaction(async (tx) => {
      if (!(await this.revokeSession(id, 'ended-by-user', tx))) return;
      await this.audit.record({ type: sessionEnded, userId, data: { sessionId: id } }, tx);
    });
  }

  /** False if it was revoked before. */
  async revokeSession(id: string, reason: RevokedReason, tx: EntityManager): Promise<boolean> {
    const { affected } = await tx.update(
      Session,
      { id, revokedAt: IsNull() },
      { revokedAt: () => 'now()', revokedReason: reason },
    );
    if (affected === 1) this.revocations.addAfterCommit([id], tx);
    return affected === 1;
  }

  /** Revokes all sessions of the user, except `exceptId`. */
  async revokeAllSessions(
    userId: string,
    reason: RevokedReason,
    tx: EntityManager,
    exceptId?: string,
  ): Promise<void> {
    // A one-time code of a provider sign-in would become a session later.
    await tx.query(`DELETE FROM oauth_codes WHERE user_id = $1`, [userId]);
    const [rows] = await tx.query<[{ id: string }[], number]>(
      `UPDATE sessions SET revoked_at = now(), revoked_reason = $2
       WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $3 RETURNING id`,
      [userId, reason, exceptId ?? null],
    );
    this.revocations.addAfterCommit(idsOf(rows), tx);
  }

  /** Null for a session that is unknown, revoked or expired. */
  async findActive(id: string, tx: EntityManager): Promise<Pick<Session, 'userId' | 'createdAt'> | null> {
    return tx
      .createQueryBuilder(Session, 'session')
      .where({ id, revokedAt: IsNull() })
      .andWhere('session.expiresAt > now()')
      .getOne();
  }
}

const idsOf = (rows: { id: string }[]): string[] => rows.map(({ id }) => id);
