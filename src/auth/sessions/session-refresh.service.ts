import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { Config } from '../../platform/config/config.ts';
import { MacService } from '../../platform/security/mac.service.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { refreshTokenReused } from '../auth.audit.ts';
import { RefreshTokenInvalidError, RefreshTokenReusedError } from '../auth.errors.ts';
import { isAuthentic, makeRefreshToken, readRefreshToken } from './refresh-token.ts';
import { SecurityAlertsService } from './security-alerts.service.ts';
import { type ActiveSession, SessionsService } from './sessions.service.ts';

interface RefreshRow {
  id: string;
  userId: string;
  email: string;
  role: string;
  createdAt: Date;
  salt: Buffer;
  counter: number;
  /** Neither revoked nor expired, and the user may sign in. */
  isActive: boolean;
  isWithinGrace: boolean;
}

/** Rotates refresh tokens (docs/decisions/0004). */
@Injectable()
export class SessionRefreshService {
  private readonly logger = new Logger('Sessions');

  constructor(
    private readonly db: DataSource,
    private readonly macs: MacService,
    private readonly config: Config,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /**
   * One conditional UPDATE swaps the counter, so one of many parallel requests rotates. The others get the same successor,
   * and so does a client that lost the response and retries within the grace. Any older token is reuse: it was stolen, or
   * the thief has rotated it. Reuse revokes the session (RFC 9700, section 4.14.2).
   */
  async rotateRefreshToken(token: string): Promise<ActiveSession> {
    const { row, counter } = await this.findByToken(token);
    if (counter !== row.counter) return this.handleOldToken(row, counter);
    if (row.isActive && (await this.rotate(row.id, counter))) return this.sessionWith(row, counter + 1);
    // A parallel request has rotated this token. It was current when this request came, so this is no reuse.
    const now = await this.findRow(row.id);
    if (!now) throw new RefreshTokenInvalidError();
    if (now.isActive && now.counter === counter + 1) return this.sessionWith(now, now.counter);
    return this.handleOldToken(now, counter);
  }

  /** Revokes the session of the token that a browser brings to a new sign-in. An old token is reuse here too. */
  async revokeReplacedSession(token: string): Promise<void> {
    const found = await this.findByToken(token).catch(ignoreInvalidToken);
    if (!found?.row.isActive) return;
    const { row, counter } = found;
    if (isReuse(row, counter)) return this.handleRefreshTokenReuse(row);
    await this.db.transaction((tx) => this.sessions.revokeSession(row.id, 'replaced', tx));
  }

  /** Throws for a token that we did not make. */
  private async findByToken(token: string): Promise<{ row: RefreshRow; counter: number }> {
    const content = readRefreshToken(token);
    const row = content && (await this.findRow(content.sessionId));
    if (!row || !isAuthentic(token, row.salt, this.macs)) throw new RefreshTokenInvalidError();
    return { row, counter: content.counter };
  }

  /** For a token that is not the current one: a retry within the grace, or reuse. */
  private async handleOldToken(row: RefreshRow, counter: number): Promise<ActiveSession> {
    if (!row.isActive || counter >= row.counter) throw new RefreshTokenInvalidError();
    if (!isReuse(row, counter)) return this.sessionWith(row, row.counter);
    await this.handleRefreshTokenReuse(row);
    throw new RefreshTokenReusedError();
  }

  /** Revokes the session, writes an audit event and alerts the owner. Once, however often the token is sent. */
  private async handleRefreshTokenReuse({ id, userId, email }: RefreshRow): Promise<void> {
    await this.db.transaction(async (tx) => {
      // The user's row is locked before the session's, as in every other transaction, so that none deadlock.
      await lockUsers([userId], tx);
      if (!(await this.sessions.revokeSession(id, 'reuse', tx))) return;
      await this.audit.record({ type: refreshTokenReused, userId, data: { sessionId: id } }, tx);
      await this.alerts.send('refresh-token-reused', { id: userId, email }, tx);
      this.logger.warn({ msg: 'Refresh token reused: session revoked', sid: id, userId });
    });
  }

  private async findRow(id: string): Promise<RefreshRow | undefined> {
    const rows = await this.db.query<RefreshRow[]>(
      `SELECT s.id, s.user_id AS "userId", u.email, u.role, s.created_at AS "createdAt", s.salt,
              s.rotation_counter AS counter,
              ${ACTIVE} AS "isActive",
              coalesce(s.rotated_at > now() - make_interval(secs => $3), false) AS "isWithinGrace"
       FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`,
      [id, this.config.SESSION_IDLE_DAYS, this.config.REFRESH_GRACE_SECONDS],
    );
    return rows[0];
  }

  private async rotate(id: string, counter: number): Promise<boolean> {
    const [, affected] = await this.db.query<[unknown, number]>(
      `UPDATE sessions s SET rotation_counter = $3 + 1, rotated_at = now(), last_used_at = now()
       FROM users u WHERE s.id = $1 AND u.id = s.user_id AND s.rotation_counter = $3 AND ${ACTIVE}`,
      [id, this.config.SESSION_IDLE_DAYS, counter],
    );
    return affected === 1;
  }

  private sessionWith(row: RefreshRow, counter: number): ActiveSession {
    const refreshToken = makeRefreshToken({ sessionId: row.id, counter }, row.salt, this.macs);
    return { id: row.id, userId: row.userId, role: row.role, createdAt: row.createdAt, refreshToken };
  }
}

const ignoreInvalidToken = (error: unknown): null => {
  if (error instanceof RefreshTokenInvalidError) return null;
  throw error;
};

/** Not reuse: the current token, and the one before it within the grace. */
const isReuse = (row: RefreshRow, counter: number): boolean =>
  counter < row.counter && !(counter === row.counter - 1 && row.isWithinGrace);

/** $2 is SESSION_IDLE_DAYS. Uses the database's clock, so that instances can't disagree. */
const ACTIVE = `(s.revoked_at IS NULL AND s.expires_at > now() AND u.status = 'active' AND u.deleted_at IS NULL
  AND s.last_used_at > now() - make_interval(days => $2))`;
