import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { Config } from '../../platform/config/config.ts';
import { MacService } from '../../platform/security/mac.service.ts';
import { AccountNoticesService } from '../notices/account-notices.service.ts';
import { isAuthentic, makeRefreshToken, readRefreshToken } from './refresh-token.ts';
import { RefreshTokenInvalidError, RefreshTokenReusedError } from './sessions.errors.ts';
import type { LiveSession } from './sessions.service.ts';
import { SessionRevocations } from './session-revocations.service.ts';

interface RefreshRow {
  id: string;
  userId: string;
  email: string;
  role: string;
  createdAt: Date;
  salt: Buffer;
  counter: number;
  /** Neither revoked nor expired, and the account may sign in. */
  isLive: boolean;
  isWithinGrace: boolean;
}

/** What the answer to reuse needs, apart from the database: to end, to write down, to tell. */
@Injectable()
export class ReuseAlarm {
  private readonly logger = new Logger('Sessions');

  constructor(
    private readonly db: DataSource,
    private readonly revocations: SessionRevocations,
    private readonly audit: AuditService,
    private readonly notices: AccountNoticesService,
  ) {}

  /** Ends the session and tells its owner; once, however often the token is presented. */
  async raise({ id, userId, email }: Pick<RefreshRow, 'id' | 'userId' | 'email'>): Promise<void> {
    await this.db.transaction(async (tx) => {
      // Before the session, as whoever else ends sessions does: in one order nobody waits for each other.
      await tx.query(`SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE`, [userId]);
      const [, affected] = await tx.query<[unknown, number]>(
        `UPDATE sessions SET revoked_at = now(), revoked_reason = 'reuse' WHERE id = $1 AND revoked_at IS NULL`,
        [id],
      );
      if (affected === 0) return;
      await this.audit.record({ type: 'refresh-token-reused', userId, data: { sessionId: id } }, tx);
      await this.notices.tell('refresh-token-reused', { id: userId, email }, tx);
      this.logger.warn({ msg: 'A refresh token was used again: the session was ended', sid: id, userId });
    });
    this.revocations.add([id]);
  }
}

/** Keeps sessions alive: one refresh token is exchanged for the next (docs/decisions/0004). */
@Injectable()
export class SessionRefreshService {
  constructor(
    private readonly db: DataSource,
    private readonly macs: MacService,
    private readonly config: Config,
    private readonly alarm: ReuseAlarm,
  ) {}

  /**
   * The swap of the counter is one conditional UPDATE, so of many at once one rotates; the others, like a client that
   * lost the answer, come within the grace and are given the same successor. A token older than that was stolen, or
   * its thief is the one who rotated: the session ends (RFC 9700, section 4.14.2).
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

  /** The session that a token belongs to, where it is authentic, however old. */
  async sessionOf(token: string): Promise<string | null> {
    return this.readFor(token).then(
      ({ row }) => row.id,
      () => null,
    );
  }

  /** What an authentic token stands for; throws for any other. */
  private async readFor(token: string): Promise<{ row: RefreshRow; counter: number }> {
    const content = readRefreshToken(token);
    const row = content && (await this.read(content.sessionId));
    if (!row || !isAuthentic(token, row.salt, this.macs)) throw new RefreshTokenInvalidError();
    return { row, counter: content.counter };
  }

  /** A token that is no longer the current one: a retry within the grace, or reuse. */
  private async answerOld(row: RefreshRow, counter: number): Promise<LiveSession> {
    if (!row.isLive || counter >= row.counter) throw new RefreshTokenInvalidError();
    if (counter === row.counter - 1 && row.isWithinGrace) return this.live(row, row.counter);
    await this.alarm.raise(row);
    throw new RefreshTokenReusedError();
  }

  private async read(id: string): Promise<RefreshRow | undefined> {
    const rows = await this.db.query<RefreshRow[]>(
      `SELECT s.id, s.user_id AS "userId", u.email, u.role, s.created_at AS "createdAt", s.salt,
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
}

/** $2 is SESSION_IDLE_DAYS. The clock is the database's, so that instances can't disagree. */
const LIVE = `(s.revoked_at IS NULL AND s.expires_at > now() AND u.status = 'active' AND u.deleted_at IS NULL
  AND s.last_used_at > now() - make_interval(days => $2))`;
