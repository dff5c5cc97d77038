import { Injectable, Logger } from '@nestjs/common';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { createHash } from 'node:crypto';
import { type EntityManager, LessThanOrEqual } from 'typeorm';
import { z } from 'zod';
import { AuditService } from '../../audit/audit.service.ts';
import { Config } from '../../platform/config/config.ts';
import { AppError } from '../../platform/errors/app-error.ts';
import { UnavailableError } from '../../platform/errors/platform.errors.ts';
import { text } from '../../platform/http/schemas.ts';
import { localize } from '../../platform/i18n/locales.ts';
import { AccountDeletionService } from '../../users/personal-data/account-deletion.service.ts';
import type { User } from '../../users/user.entity.ts';
import { LastAdminError } from '../../users/users.errors.ts';
import { UsersService } from '../../users/users.service.ts';
import { identityUnlinked } from '../auth.audit.ts';
import { authTexts } from '../auth.texts.ts';
import { SecurityAlertsService } from '../sessions/security-alerts.service.ts';
import { SessionsService } from '../sessions/sessions.service.ts';
import { Identity } from './identity.entity.ts';
import { callProvider } from './providers/call-provider.ts';

const provider = 'apple' as const;
const CLOCK_TOLERANCE_SECONDS = 300;
const RETRY_AFTER_SECONDS = 30;
const DISCOVERY_PAUSE_MS = 1_000;
const ID_MAX = 200;

/** An event of one Apple user. */
export const appleEventSchema = z.object({
  type: text({ min: 1, max: 64 }),
  sub: text({ min: 1, max: 255 }),
  /** Milliseconds since 1970. */
  event_time: z.number(),
});
export type AppleEvent = z.output<typeof appleEventSchema>;

export interface SignedAppleEvent {
  id: string;
  /** JSON that is not validated yet. */
  events: string;
}

/**
 * Verifies server-to-server notifications of Sign in with Apple. Each is a JWT with the same issuer and keys as id tokens.
 * https://developer.apple.com/documentation/sign_in_with_apple/processing_changes_for_sign_in_with_apple_accounts
 */
@Injectable()
export class AppleEventVerifier {
  /** All requests share one discovery, even while it is running. A failed discovery is repeated after a pause. */
  private keys?: { found: Promise<JWTVerifyGetKey>; failedAt?: number };

  constructor(private readonly config: Config) {}

  get isConfigured(): boolean {
    return this.config.APPLE_CLIENT_ID !== undefined;
  }

  /** Resolves to null if Apple has not signed the token for us in the last minutes. Throws UNAVAILABLE if Apple's keys can't be loaded. */
  async verify(token: string): Promise<SignedAppleEvent | null> {
    try {
      const { payload } = await jwtVerify(token, await this.getKeys(), {
        // Pinned, so that the token can't choose its algorithm (RFC 8725, section 3.1).
        algorithms: ['RS256'],
        issuer: this.config.APPLE_ISSUER,
        audience: this.config.APPLE_CLIENT_ID!,
        requiredClaims: ['iat', 'events'],
        // Age 0 plus the tolerance: issued within five minutes of now.
        maxTokenAge: 0,
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      const { events, jti = digestOf(token) } = payload;
      return {
        id: jti.slice(0, ID_MAX),
        events: typeof events === 'string' ? events : JSON.stringify(events),
      };
    } catch (error) {
      if (!isOutage(error)) return null;
      throw new UnavailableError({
        detail: localize(authTexts, (texts) => texts.appleKeysMissing(RETRY_AFTER_SECONDS)),
        headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
      });
    }
  }

  private getKeys(): Promise<JWTVerifyGetKey> {
    const { failedAt = Infinity } = this.keys ?? {};
    if (!this.keys || performance.now() - failedAt > DISCOVERY_PAUSE_MS) {
      const keys: typeof this.keys = { found: this.discoverKeys() };
      this.keys = keys;
      keys.found.catch(() => {
        keys.failedAt = performance.now();
      });
    }
    return this.keys.found;
  }

  /** The library reloads the keys for an unknown key id, at most every 30 s. */
  private async discoverKeys(): Promise<JWTVerifyGetKey> {
    const response = await callProvider(`${this.config.APPLE_ISSUER}/.well-known/openid-configuration`, {});
    const { jwks_uri } = z.object({ jwks_uri: z.url() }).parse(await response.json());
    return createRemoteJWKSet(new URL(jwks_uri), { [customFetch]: callProvider });
  }
}

/** After a 503, Apple sends the notification again. */
function isOutage(error: unknown): boolean {
  if (error instanceof errors.JOSEError) {
    return error instanceof errors.JWKSTimeout || error.code === errors.JOSEError.code;
  }
  return error instanceof AppError || error instanceof z.ZodError || error instanceof SyntaxError;
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Applies changes that users make at Apple to their accounts. */
@Injectable()
export class AppleEventsService {
  private readonly logger = new Logger('AppleEvents');

  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly deletion: AccountDeletionService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /** False if the event type is not supported. */
  async applyEvent(event: AppleEvent, tx: EntityManager): Promise<boolean> {
    switch (event.type) {
      case 'consent-revoked':
        await this.unlinkIdentity(event, tx);
        return true;
      case 'account-delete':
        await this.deleteAccount(event, tx);
        return true;
      case 'email-disabled':
      case 'email-enabled':
        await updateEmailMuted(event, tx);
        return true;
      default:
        return false;
    }
  }

  /** Unlinks the provider, even if it is the last sign-in method. */
  private async unlinkIdentity(event: AppleEvent, tx: EntityManager): Promise<void> {
    const found = await this.findForUpdate(event, tx);
    if (!found) return;
    const { identity, user } = found;
    await this.alerts.send('identity-unlinked', user, tx);
    await tx.delete(Identity, { id: identity.id });
    await this.audit.record({ type: identityUnlinked, userId: user.id, data: { provider } }, tx);
    await this.sessions.revokeAllSessions(user.id, 'identity-changed', tx);
  }

  private async deleteAccount(event: AppleEvent, tx: EntityManager): Promise<void> {
    const identity = await tx.findOneBy(Identity, linkedBefore(event));
    if (!identity || !(await this.users.find(identity.userId, tx))) return;
    try {
      // A savepoint, so that an error rolls back only the deletion.
      await tx.transaction((nested) => this.deletion.deleteWithin(identity.userId, nested));
    } catch (error) {
      if (!(error instanceof LastAdminError)) throw error;
      this.logger.error({
        msg: 'Apple requested the deletion of the last administrator: unlinked Apple instead',
        userId: identity.userId,
      });
      await this.unlinkIdentity(event, tx);
    }
  }

  /** Locks the user's row. Null for an unknown user, or for an event older than the current link. */
  private async findForUpdate(
    event: AppleEvent,
    tx: EntityManager,
  ): Promise<{ identity: Identity; user: User } | null> {
    const identity = await tx.findOneBy(Identity, linkedBefore(event));
    const user = identity && (await this.users.findForUpdate(identity.userId, tx));
    return user && { identity, user };
  }
}

/** Events arrive in any order, so the event with the latest time applies. */
async function updateEmailMuted(event: AppleEvent, tx: EntityManager): Promise<void> {
  await tx.query(
    `UPDATE identities SET email_muted = $3, email_muted_changed_at = $4
     WHERE provider = $1 AND subject = $2 AND (email_muted_changed_at IS NULL OR email_muted_changed_at < $4)`,
    [provider, event.sub, event.type === 'email-disabled', new Date(event.event_time)],
  );
}

const linkedBefore = ({ sub, event_time }: AppleEvent) => ({
  provider,
  subject: sub,
  createdAt: LessThanOrEqual(new Date(event_time)),
});
