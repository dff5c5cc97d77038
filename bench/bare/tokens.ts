/** Tokens of the bare server: RS256 access tokens and HMAC-signed refresh tokens and cursors, by node:crypto alone. */
import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  randomUUID,
  sign as signBytes,
  timingSafeEqual,
  verify,
} from 'node:crypto';

const [pem] = Object.values(JSON.parse(process.env['JWT_KEYS']!) as Record<string, string>);
const privateKey = createPrivateKey(pem!);
const publicKey = createPublicKey(privateKey);
const secret = Buffer.from(process.env['SECRET_KEYS']!, 'base64');
const ACCESS_TOKEN_SECONDS = 600;
const HEADER = base64url({ alg: 'RS256', typ: 'at+jwt' });

export interface Claims {
  sub: string;
  sid: string;
  role: string;
}

export class UnauthenticatedError extends Error {
  readonly statusCode = 401;
}

export function pairOf(claims: Claims, counter: number) {
  const now = Math.floor(Date.now() / 1_000);
  const payload = base64url({ ...claims, iat: now, exp: now + ACCESS_TOKEN_SECONDS, jti: randomUUID() });
  const signature = signBytes('RSA-SHA256', Buffer.from(`${HEADER}.${payload}`), privateKey);
  return {
    accessToken: `${HEADER}.${payload}.${signature.toString('base64url')}`,
    refreshToken: sign([claims.sid, counter]),
    tokenType: 'Bearer',
    expiresIn: ACCESS_TOKEN_SECONDS,
  };
}

export function verifyAccessToken(authorization = ''): Claims {
  const [header = '', payload = '', signature = ''] = authorization.replace(/^Bearer /, '').split('.');
  const content = Buffer.from(`${header}.${payload}`);
  const isValid =
    header === HEADER && verify('RSA-SHA256', content, publicKey, Buffer.from(signature, 'base64url'));
  if (!isValid) throw new UnauthenticatedError();
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as Claims & { exp: number };
  if (claims.exp * 1_000 < Date.now()) throw new UnauthenticatedError();
  return claims;
}

export function sign(values: unknown[]): string {
  const content = base64url(values);
  return `${content}.${mac(content).toString('base64url')}`;
}

export function readSigned(token: string): unknown[] {
  const [content = '', signature = ''] = token.split('.');
  const given = Buffer.from(signature, 'base64url');
  const expected = mac(content);
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new UnauthenticatedError();
  return JSON.parse(Buffer.from(content, 'base64url').toString()) as unknown[];
}

const mac = (content: string): Buffer => createHmac('sha256', secret).update(content).digest();

function base64url(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
