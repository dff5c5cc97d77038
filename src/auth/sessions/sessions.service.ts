import { Injectable } from '@nestjs/common';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, IsNull, MoreThan, type Repository } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { Config } from '../../platform/config/config.ts';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { MacService } from '../../platform/security/mac.service.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { makeRefreshToken } from './refresh-token.ts';
import { type RevokedReason, Session } from './session.entity.ts';
import { SessionRevocations } from './session-revocations.service.ts';

export interface Device {
  userAgent: string | null;
  ipAddress: string | null;
}

/** A session in the state that its next access token is made from. */
export interface LiveSession {
  id: string;
  userId: string;
  role: string;
  createdAt: Date;
  refreshToken: string;
}

const SALT_BYTES = 32;
const USER_AGENT_MAX = 400;
const DAY_MS = 86_400_000;
/** More would be a leak rather than a person; the oldest gives way. */
const SESSIONS_PER_USER_MAX = 20;

/** Sign-ins: begun, shown and ended. */
@Injectable()
export class SessionsService {
  constructor(
    private readonly db: DataSource,
    private readonly macs: MacService,
    private readonly revocations: SessionRevocations,
    private readonly config: Config,
    private readonly audit: AuditService,
  ) {}

  private get sessions(): Repository<Session> {
    return this.db.getRepository(Session);
  }

  async begin(user: { id: string; role: string }, device: Device, tx: EntityManager): Promise<LiveSession> {
    const session = this.sessions.create({
      id: randomUUIDv7(),
      userId: user.id,
      userAgent: device.userAgent?.slice(0, USER_AGENT_MAX) ?? null,
      ipAddress: device.ipAddress,
      salt: randomBytes(SALT_BYTES),
      rotationCounter: 0,
      createdAt: new Date(),
      expiresAt: new Date(Date.now() + this.config.SESSION_MAX_DAYS * DAY_MS),
    });
    await tx.insert(Session, session);
    await this.endSurplus(user.id, tx);
    const refreshToken = makeRefreshToken({ sessionId: session.id, counter: 0 }, session.salt, this.macs);
    return { id: session.id, userId: user.id, role: user.role, createdAt: session.createdAt, refreshToken };
  }

  /** Those that can still be refreshed, newest use first. */
  listLive(userId: string): Promise<Session[]> {
    const idleSince = new Date(Date.now() - this.config.SESSION_IDLE_DAYS * DAY_MS);
    return this.sessions.find({
      where: {
        userId,
        revokedAt: IsNull(),
        expiresAt: MoreThan(new Date()),
        lastUsedAt: MoreThan(idleSince),
      },
      order: { lastUsedAt: 'DESC' },
    });
  }

  /** Ends one of the caller's own; ending it again changes nothing. */
  async endOwn(id: string, { userId }: Principal): Promise<void> {
    if (!(await this.sessions.existsBy({ id, userId }))) throw new NotFoundError();
    await this.db.transaction(async (tx) => {
      if (!(await this.end(id, 'ended-by-user', tx))) return;
      await this.audit.record({ type: 'session-ended', userId, data: { sessionId: id } }, tx);
    });
    this.announceEnded([id]);
  }

  /** False where it had ended before. To be announced once the transaction has committed. */
  async end(id: string, reason: RevokedReason, tx: EntityManager): Promise<boolean> {
    const { affected } = await tx.update(
      Session,
      { id, revokedAt: IsNull() },
      { revokedAt: () => 'now()', revokedReason: reason },
    );
    return affected === 1;
  }

  /** Resolves to the ids of the ended sessions, to be announced once the transaction has committed. */
  async endAllOf(
    userId: string,
    reason: RevokedReason,
    tx: EntityManager,
    exceptId?: string,
  ): Promise<string[]> {
    // A provider sign-in that was not exchanged yet is a session to come.
    await tx.query(`DELETE FROM oauth_codes WHERE user_id = $1`, [userId]);
    const [rows] = await tx.query<[{ id: string }[], number]>(
      `UPDATE sessions SET revoked_at = now(), revoked_reason = $2
       WHERE user_id = $1 AND revoked_at IS NULL AND id IS DISTINCT FROM $3 RETURNING id`,
      [userId, reason, exceptId ?? null],
    );
    return rows.map(({ id }) => id);
  }

  /** Refuses their access tokens on this instance at once; the others learn of it from the database. */
  announceEnded(ids: string[]): void {
    this.revocations.add(ids);
  }

  /** Whose session it is, if it has not ended; null otherwise. */
  async ownerOfLive(id: string, tx: EntityManager): Promise<string | null> {
    const session = await tx.findOneBy(Session, { id, revokedAt: IsNull(), expiresAt: MoreThan(new Date()) });
    return session?.userId ?? null;
  }

  private async endSurplus(userId: string, tx: EntityManager): Promise<void> {
    await tx.query(
      `UPDATE sessions SET revoked_at = now(), revoked_reason = 'surplus' WHERE id IN (
         SELECT id FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > now()
         ORDER BY created_at DESC, id DESC OFFSET ${SESSIONS_PER_USER_MAX}
       )`,
      [userId],
    );
  }
}
