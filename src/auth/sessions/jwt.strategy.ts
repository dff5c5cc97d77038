import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import { ExtractJwt, type SecretOrKeyProvider, Strategy } from 'passport-jwt';
import { Config } from '../../platform/config/config.ts';
import { Roles } from '../../platform/security/permissions.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { KeyRing } from '../keys/key-ring.ts';
import type { AccessTokenClaims } from './access-tokens.service.ts';
import { SessionRevocations } from './session-revocations.service.ts';

const CLOCK_TOLERANCE_SECONDS = 30;
/** Headers with which a token would choose its own key (RFC 8725, section 3.10). */
const KEY_HEADERS = ['jku', 'jwk', 'x5u', 'x5c', 'crit'];

/** Accepts our own access tokens and no other JWT (RFC 9068, section 4). */
@Injectable()
export class JwtStrategy extends PassportStrategy(Strategy, 'jwt') {
  constructor(
    keys: KeyRing,
    private readonly config: Config,
    private readonly revocations: SessionRevocations,
    private readonly roles: Roles,
  ) {
    super({
      jwtFromRequest: ExtractJwt.fromExtractors(
        ['Bearer', ...config.AUTH_SCHEMES].map((scheme) => ExtractJwt.fromAuthHeaderWithScheme(scheme)),
      ),
      secretOrKeyProvider: keyProvider(keys),
      // Pinned: the token's own `alg` must never choose how it is verified (RFC 8725, section 3.1).
      algorithms: ['RS256'],
      issuer: config.JWT_ISSUER,
      audience: config.JWT_AUDIENCE,
      jsonWebTokenOptions: { clockTolerance: CLOCK_TOLERANCE_SECONDS },
    });
  }

  /** Called with the claims of a token whose signature is valid. False becomes a 401. */
  validate(claims: Partial<AccessTokenClaims>): Principal | false {
    const { sub, sid, roles, auth_time: authTime, iat, exp, aud } = claims;
    // The library accepts a token without `exp` or `iat` (RFC 9068 requires both), or with several audiences.
    if (!isSafeInteger(exp) || !isSafeInteger(iat) || aud !== this.config.JWT_AUDIENCE) return false;
    if (typeof sub !== 'string' || typeof sid !== 'string' || typeof authTime !== 'number') return false;
    const role: unknown = Array.isArray(roles) && roles[0];
    if (typeof role !== 'string' || this.revocations.has(sid)) return false;
    const authenticatedAt = new Date(authTime * 1_000);
    return {
      userId: sub,
      sessionId: sid,
      role,
      permissions: this.roles.permissionsOf(role),
      authenticatedAt,
      expiresAt: new Date(exp * 1_000),
    };
  }
}

const isSafeInteger = (value: unknown): value is number => Number.isSafeInteger(value);

/** Finds the key by `kid` among our own keys. The token is unverified here, so nothing else of it is used. */
function keyProvider(keys: KeyRing): SecretOrKeyProvider {
  return (_request, token: string, done) => {
    const header = readHeader(token);
    const isOurs = header?.typ === 'at+jwt' && KEY_HEADERS.every((name) => !(name in header));
    const key = isOurs && typeof header.kid === 'string' ? keys.find(header.kid) : undefined;
    if (!key) return done(new Error('Not a token of ours'));
    // As a KeyObject: parsing a PEM would cost more than verifying. The typings allow only strings.
    done(null, key.publicKey as never);
  };
}

function readHeader(token: string): Record<string, unknown> | undefined {
  try {
    const header: unknown = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString());
    return typeof header === 'object' && header !== null ? (header as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
