import { Injectable, Logger } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, type Repository } from 'typeorm';
import { Config } from '../../platform/config/config.ts';
import { MacService } from '../../platform/security/mac.service.ts';
import { isAuthentic, makeRefreshToken, readRefreshToken } from './refresh-token.ts';
import { type RevokedReason, Session } from './session.entity.ts';
import { SessionRevocations } from './session-revocations.service.ts';
import { RefreshTokenInvalidError, RefreshTokenReusedError } from './sessions.errors.ts';

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

interface RefreshRow {
  id: string;
  userId: string;
  role: string;
  createdAt: Date;
  salt: Buffer;
  counter: number;
  /** Neither revoked nor expired, and the account may sign in. */
  isLive: boolean;
  isWithinGrace: boolean;
}

const SALT_BYTES = 32;
const USER_AGENT_MAX = 400;

/** Sign-ins, and the refresh tokens that keep them alive (docs/decisions/0004). */
@Injectable()
export class SessionsService {
  private readonly logger = new Logger('Sessions');

  constructor(
    @InjectRepository(Session) private readonly sessions: Repository<Session>,
    private readonly db: DataSource,
    private readonly macs: MacService,
    private readonly revocations: SessionRevocations,
    private readonly config: Config,
  ) {}

  async begin(user: { id: string; role: string }, device: Device): Promise<LiveSession> {
    const session = this.sessions.create({
      id: randomUUIDv7(),
      userId: user.id,
      userAgent: device.userAgent?.slice(0, USER_AGENT_MAX) ?? null,
      ipAddress: device.ipAddress,
      salt: randomBytes(SALT_BYTES),
      rotationCounter: 0,
      createdAt: new Date(),
      expiresAt: new Date(Date.now() + this.config.SESSION_MAX_DAYS * 86_400_000),
    });
    await this.sessions.insert(session);
    const refreshToken = makeRefreshToken({ sessionId: session.id, counter: 0 }, session.salt, this.macs);
    return { id: session.id, userId: user.id, role: user.role, createdAt: session.createdAt, refreshToken };
  }

  /**
   * Exchanges a refresh token. The swap of the counter is one conditional UPDATE, so of many at once one rotates; the
   * others, like a client that lost the answer, come within the grace and are given the same successor. A token older
   * than that was stolen, or its thief is the one who rotated: the session ends (RFC 9700, section 4.14.2).
   */
  async refresh(token: string): Promise<LiveSession> {
    const { row, counter } = await this.readFor(token);
    if (counter !== row.counter) return this.answerOld(row, counter);
    if (row.isLive && (await this.rotate(row.id, counter))) return this.live(row, counter + 1);
    // Another request with this token was quicker: what the session looks like now decides.
    const now = await this.read(row.id);
    if (!now) throw new RefreshTokenInvalidError();
    return this.answerOld(now, counter);
  }

  /** Ends one session; ending it again changes nothing. */
  async end(id: string, reason: RevokedReason): Promise<void> {
    await this.db.query(
      `UPDATE sessions SET revoked_at = now(), revoked_reason = $2 WHERE id = $1 AND revoked_at IS NULL`,
      [id, reason],
    );
    this.revocations.add([id]);
  }

  /** Resolves to the ids of the ended sessions, to be announced once the transaction has committed. */
  async endAllOf(userId: string, reason: RevokedReason, tx: EntityManager): Promise<string[]> {
    const [rows] = await tx.query<[{ id: string }[], number]>(
      `UPDATE sessions SET revoked_at = now(), revoked_reason = $2
       WHERE user_id = $1 AND revoked_at IS NULL RETURNING id`,
      [userId, reason],
    );
    return rows.map(({ id }) => id);
  }

  /** Refuses their access tokens on this instance at once; the others learn of it from the database. */
  announceEnded(ids: string[]): void {
    this.revocations.add(ids);
  }

  /** What an authentic token stands for; throws for any other. */
  private async readFor(token: string): Promise<{ row: RefreshRow; counter: number }> {
    const content = readRefreshToken(token);
    const row = content && (await this.read(content.sessionId));
    if (!row || !isAuthentic(token, row.salt, this.macs)) throw new RefreshTokenInvalidError();
    return { row, counter: content.counter };
  }

  /** A token that is no longer the current one: a retry within the grace, or reuse. */
  private answerOld(row: RefreshRow, counter: number): LiveSession | Promise<never> {
    if (!row.isLive || counter >= row.counter) throw new RefreshTokenInvalidError();
    if (counter === row.counter - 1 && row.isWithinGrace) return this.live(row, row.counter);
    return this.refuseReuse(row);
  }

  private async read(id: string): Promise<RefreshRow | undefined> {
    const rows = await this.db.query<RefreshRow[]>(
      `SELECT s.id, s.user_id AS "userId", u.role, s.created_at AS "createdAt", s.salt,
              s.rotation_counter AS counter,
              ${LIVE} AS "isLive",
              coalesce(s.rotated_at > now() - make_interval(secs => $3), false) AS "isWithinGrace"
       FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`,
      [id, this.config.SESSION_IDLE_DAYS, this.config.REFRESH_GRACE_SECONDS],
    );
    return rows[0];
  }

  private async rotate(id: string, counter: number): Promise<boolean> {
    const [, affected] = await this.db.query<[unknown, number]>(
      `UPDATE sessions s SET rotation_counter = $3 + 1, rotated_at = now(), last_used_at = now()
       FROM users u WHERE s.id = $1 AND u.id = s.user_id AND s.rotation_counter = $3 AND ${LIVE}`,
      [id, this.config.SESSION_IDLE_DAYS, counter],
    );
    return affected === 1;
  }

  private live(row: RefreshRow, counter: number): LiveSession {
    const refreshToken = makeRefreshToken({ sessionId: row.id, counter }, row.salt, this.macs);
    return { id: row.id, userId: row.userId, role: row.role, createdAt: row.createdAt, refreshToken };
  }

  private async refuseReuse(row: RefreshRow): Promise<never> {
    await this.end(row.id, 'reuse');
    this.logger.warn({
      msg: 'A refresh token was used again: the session was ended',
      sid: row.id,
      userId: row.userId,
    });
    throw new RefreshTokenReusedError();
  }
}

/** $2 is SESSION_IDLE_DAYS. The clock is the database's, so that instances can't disagree. */
const LIVE = `(s.revoked_at IS NULL AND s.expires_at > now() AND u.status = 'active'
  AND s.last_used_at > now() - make_interval(days => $2))`;
