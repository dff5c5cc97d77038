import { Injectable } from '@nestjs/common';
import { createRemoteJWKSet, customFetch, errors, jwtVerify, type JWTVerifyGetKey } from 'jose';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { Config } from '../../platform/config/config.ts';
import { AppError } from '../../platform/errors/app-error.ts';
import { UnavailableError } from '../../platform/errors/platform.errors.ts';
import { text } from '../../platform/http/schemas.ts';
import { callProvider } from './providers/call-provider.ts';

const TOLERANCE_SECONDS = 300;
const RETRY_AFTER_SECONDS = 30;
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
  /** JSON. Validated by the handler. */
  events: string;
}

/**
 * Server-to-server notifications of Sign in with Apple: each is a JWT that is signed like Apple's id tokens.
 * https://developer.apple.com/documentation/sign_in_with_apple/processing_changes_for_sign_in_with_apple_accounts
 */
@Injectable()
export class AppleEventTokens {
  private keys?: JWTVerifyGetKey;

  constructor(private readonly config: Config) {}

  get isConfigured(): boolean {
    return this.config.APPLE_CLIENT_ID !== undefined;
  }

  /** Null for a token that Apple has not signed for us within the last minutes. Throws UNAVAILABLE if its keys can't be loaded. */
  async verify(token: string): Promise<SignedAppleEvent | null> {
    try {
      const { payload } = await jwtVerify(token, await this.appleKeys(), {
        // Pinned: the token must not choose its algorithm (RFC 8725, section 3.1).
        algorithms: ['RS256'],
        issuer: this.config.APPLE_ISSUER,
        audience: this.config.APPLE_CLIENT_ID!,
        requiredClaims: ['iat', 'events'],
        // Together: issued within five minutes of now.
        maxTokenAge: 0,
        clockTolerance: TOLERANCE_SECONDS,
      });
      const { events, jti = digestOf(token) } = payload;
      return {
        id: jti.slice(0, ID_MAX),
        events: typeof events === 'string' ? events : JSON.stringify(events),
      };
    } catch (error) {
      if (isOutage(error))
        throw new UnavailableError({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
      return null;
    }
  }

  /** Found once through Apple's metadata; the library reloads them for an unknown key, at most every 30 s. */
  private async appleKeys(): Promise<JWTVerifyGetKey> {
    if (this.keys) return this.keys;
    const response = await callProvider(`${this.config.APPLE_ISSUER}/.well-known/openid-configuration`, {});
    const { jwks_uri } = z.object({ jwks_uri: z.url() }).parse(await response.json());
    this.keys = createRemoteJWKSet(new URL(jwks_uri), { [customFetch]: callProvider });
    return this.keys;
  }
}

/** Apple then sends it again. */
function isOutage(error: unknown): boolean {
  if (error instanceof errors.JOSEError) {
    return error instanceof errors.JWKSTimeout || error.code === errors.JOSEError.code;
  }
  return error instanceof AppError || error instanceof z.ZodError || error instanceof SyntaxError;
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('hex');
