import { Injectable } from '@nestjs/common';
import { randomUUID, sign } from 'node:crypto';
import { Config } from '../../platform/config/config.ts';
import { KeyRing } from '../keys/key-ring.ts';
import type { ActiveSession } from './sessions.service.ts';

/** The only client: the product's own applications. RFC 9068 requires the claim. */
const CLIENT_ID = 'first-party';

export interface AccessTokenClaims {
  iss: string;
  sub: string;
  aud: string;
  client_id: string;
  iat: number;
  exp: number;
  jti: string;
  sid: string;
  auth_time: number;
  roles: string[];
}

export interface TokenPair {
  accessToken: string;
  refreshToken: string;
  tokenType: 'Bearer';
  /** Life of the access token, in seconds. */
  expiresIn: number;
}

@Injectable()
export class AccessTokensService {
  constructor(
    private readonly keys: KeyRing,
    private readonly config: Config,
  ) {}

  createTokenPair(session: ActiveSession): TokenPair {
    const accessToken = this.sign(session);
    const { ACCESS_TOKEN_SECONDS: expiresIn } = this.config;
    return { accessToken, refreshToken: session.refreshToken, tokenType: 'Bearer', expiresIn };
  }

  /**
   * A JWT access token (RFC 9068). Contains no email and no name, because tokens may be logged. Signed on this thread:
   * in the thread pool, it would wait for password hashes.
   */
  private sign(session: ActiveSession): string {
    const { kid, privateKey } = this.keys.active;
    const now = Math.floor(Date.now() / 1_000);
    const claims: AccessTokenClaims = {
      iss: this.config.JWT_ISSUER,
      sub: session.userId,
      aud: this.config.JWT_AUDIENCE,
      client_id: CLIENT_ID,
      iat: now,
      exp: now + this.config.ACCESS_TOKEN_SECONDS,
      jti: randomUUID(),
      sid: session.id,
      auth_time: Math.floor(session.createdAt.getTime() / 1_000),
      roles: [session.role],
    };
    const content = `${base64url({ alg: 'RS256', typ: 'at+jwt', kid })}.${base64url(claims)}`;
    return `${content}.${sign('RSA-SHA256', Buffer.from(content), privateKey).toString('base64url')}`;
  }
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
