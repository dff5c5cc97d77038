import { Injectable, Logger } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { Config } from '../../platform/config/config.ts';
import { MacService } from '../../platform/security/mac.service.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { refreshTokenReused } from '../auth.audit.ts';
import { RefreshTokenInvalidError, RefreshTokenReusedError } from '../auth.errors.ts';
import {
  isAuthentic,
  makeRefreshToken,
  readRefreshToken,
  type RefreshTokenContent,
} from './refresh-token.ts';
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

interface Rotated {
  /** Whether the statement has rotated the token. */
  isRotated: boolean;
}

/** Above this number, the salt that was cached first is dropped. */
const SALTS_MAX = 10_000;

/** Rotates refresh tokens (docs/decisions/0004). */
@Injectable()
export class SessionRefreshService {
  private readonly logger = new Logger('Sessions');
  private readonly salts = new Map<string, Buffer>();

  constructor(
    private readonly db: DataSource,
    private readonly macs: MacService,
    private readonly config: Config,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /**
   * One conditional UPDATE increments the counter, so only one of many parallel requests rotates the token. The others
   * get the same new token. So does a client that lost the response and retries within the grace period. Any older
   * token is reuse: a thief has sent it or has rotated it. Reuse revokes the session (RFC 9700, section 4.14.2).
   */
  async rotateRefreshToken(token: string): Promise<ActiveSession> {
    const { sessionId, counter } = await this.verify(token);
    const row = await this.rotate(sessionId, counter);
    if (!row) throw new RefreshTokenInvalidError();
    if (row.isRotated) return this.sessionWith(row, counter + 1);
    if (counter !== row.counter) return this.handleOldToken(row, counter);
    // A parallel request has rotated this token. It was current when this request arrived, so this is no reuse.
    const now = await this.findRow(sessionId);
    if (!now) throw new RefreshTokenInvalidError();
    if (now.isActive && now.counter === counter + 1) return this.sessionWith(now, now.counter);
    return this.handleOldToken(now, counter);
  }

  /** Revokes the session of the token that a browser sends with a new sign-in. An old token is reuse here too. */
  async revokeReplacedSession(token: string): Promise<void> {
    const content = await this.verify(token).catch(ignoreInvalidToken);
    if (!content) return;
    const row = await this.findRow(content.sessionId);
    if (!row?.isActive) return;
    if (isReuse(row, content.counter)) return this.handleRefreshTokenReuse(row);
    await this.db.transaction((tx) => this.sessions.revokeSession(row.id, 'replaced', tx));
  }

  /** Throws for a token that we did not make. */
  private async verify(token: string): Promise<RefreshTokenContent> {
    const content = readRefreshToken(token);
    const salt = content && (await this.saltOf(content.sessionId));
    if (!content || !salt || !isAuthentic(token, salt, this.macs)) throw new RefreshTokenInvalidError();
    return content;
  }

  /** Cached, because it never changes: a refresh is then one statement (docs/performance.md). */
  private async saltOf(sessionId: string): Promise<Buffer | undefined> {
    const known = this.salts.get(sessionId);
    if (known) return known;
    const [session] = await this.db.query<{ salt: Buffer }[]>('SELECT salt FROM sessions WHERE id = $1', [
      sessionId,
    ]);
    if (!session) return undefined;
    const [oldest] = this.salts.size < SALTS_MAX ? [] : this.salts.keys();
    if (oldest !== undefined) this.salts.delete(oldest);
    this.salts.set(sessionId, session.salt);
    return session.salt;
  }

  /** For a token that is not the current one: a retry within the grace period, or reuse. */
  private async handleOldToken(row: RefreshRow, counter: number): Promise<ActiveSession> {
    if (!row.isActive || counter >= row.counter) throw new RefreshTokenInvalidError();
    if (!isReuse(row, counter)) return this.sessionWith(row, row.counter);
    await this.handleRefreshTokenReuse(row);
    throw new RefreshTokenReusedError();
  }

  /** Revokes the session, writes an audit event and alerts the owner. Only once, even if the token is sent again. */
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
    const [row] = await this.db.query<RefreshRow[]>(ROW, this.valuesOf(id));
    return row;
  }

  /** Resolves to the row as it was before the rotation. */
  private async rotate(id: string, counter: number): Promise<(RefreshRow & Rotated) | undefined> {
    const [row] = await this.db.query<(RefreshRow & Rotated)[]>(
      `WITH rotated AS (
         UPDATE sessions s SET rotation_counter = $4 + 1, rotated_at = now(), last_used_at = now()
         FROM users u WHERE s.id = $1 AND u.id = s.user_id AND s.rotation_counter = $4 AND ${ACTIVE} RETURNING s.id
       )
       SELECT found.*, EXISTS (SELECT FROM rotated) AS "isRotated" FROM (${ROW}) AS found`,
      [...this.valuesOf(id), counter],
    );
    return row;
  }

  private valuesOf(id: string): unknown[] {
    return [id, this.config.SESSION_IDLE_DAYS, this.config.REFRESH_GRACE_SECONDS];
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

/** False for the current token, and for the previous one within the grace period. */
const isReuse = (row: RefreshRow, counter: number): boolean =>
  counter < row.counter && !(counter === row.counter - 1 && row.isWithinGrace);

/** $2 is SESSION_IDLE_DAYS. Uses the database's clock, so that instances can't disagree. */
const ACTIVE = `(s.revoked_at IS NULL AND s.expires_at > now() AND u.status = 'active' AND u.deleted_at IS NULL
  AND s.last_used_at > now() - make_interval(days => $2))`;

/** $3 is REFRESH_GRACE_SECONDS. */
const ROW = `SELECT s.id, s.user_id AS "userId", u.email, u.role, s.created_at AS "createdAt", s.salt,
    s.rotation_counter AS counter,
    ${ACTIVE} AS "isActive",
    coalesce(s.rotated_at > now() - make_interval(secs => $3), false) AS "isWithinGrace"
  FROM sessions s JOIN users u ON u.id = s.user_id WHERE s.id = $1`;
