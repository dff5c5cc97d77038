import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose';
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { KeyRing } from '../../src/auth/keys/key-ring.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let user: SignedIn;
let ours: { kid: string; privateKey: KeyObject; publicKey: KeyObject };
const foreignKeys = generateKeyPairSync('rsa', { modulusLength: 2048 });

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
  ours = app.api.get(KeyRing).active;
});

afterAll(() => app.stop());

describe('an access token', () => {
  it('contains the identity of the caller and nothing else', () => {
    const claims = decodeJwt(user.accessToken);

    const { iat = 0, exp = 0 } = claims;
    expect(claims).toEqual({
      iss: app.config.PUBLIC_URL,
      sub: user.user.id,
      aud: app.config.PUBLIC_URL,
      client_id: 'first-party',
      iat: expect.any(Number),
      exp: iat + 600,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      auth_time: expect.any(Number),
      roles: ['user'],
    });
    expect(exp - iat).toBeLessThanOrEqual(900);
    expect(claims['auth_time']).toBeLessThanOrEqual(iat);
  });

  it('names its token type and its signing key', () => {
    expect(decodeProtectedHeader(user.accessToken)).toEqual({ alg: 'RS256', typ: 'at+jwt', kid: ours.kid });
  });

  it('has a unique id', async () => {
    const { refreshToken } = await signedIn(app);

    const answers = await Promise.all(
      times(30, () => app.http().post('/v1/auth/refresh').send({ refreshToken })),
    );

    const ids = answers.map(({ body }) => decodeJwt(body.data.accessToken).jti);
    expect(new Set(ids).size).toBe(30);
  });

  it('is accepted with the scheme in any case', async () => {
    const answers = await Promise.all(
      ['Bearer', 'bearer', 'BEARER'].map((scheme) => present(user.accessToken, scheme)),
    );

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('is accepted until 30 s after its expiry, to allow for clock differences', async () => {
    const ended = (secondsAgo: number) => token({ claims: { exp: now() - secondsAgo } });

    const [lately, longAgo] = await Promise.all([present(ended(10)), present(ended(61))]);

    expect([lately.status, longAgo.status]).toEqual([200, 401]);
  });

  it('is accepted only in the Authorization header', async () => {
    const answers = await Promise.all([
      app.http().get(`/v1/users/me?access_token=${user.accessToken}`),
      app.http().get('/v1/users/me').set('cookie', `access_token=${user.accessToken}`),
      app.http().post('/v1/auth/logout').send({ access_token: user.accessToken }),
      present(user.accessToken, 'Basic'),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 401]);
    expect((await present(user.accessToken)).status).toBe(200);
  });
});

describe('a request without a valid token', () => {
  it('gets a challenge, with no error if it sent no token', async () => {
    const answer = await app.http().get('/v1/users/me');

    expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  const forged: Record<string, () => string> = {
    'is not signed': () => token({ header: { alg: 'none' }, signature: '' }),
    'is not signed, in other letters': () => token({ header: { alg: 'nOnE' }, signature: '' }),
    'names no algorithm': () => token({ header: { alg: '' } }),
    'is signed with the public key as a secret': () =>
      hmac(ours.publicKey.export({ type: 'spki', format: 'pem' })),
    'is signed with the public key in binary as a secret': () =>
      hmac(ours.publicKey.export({ type: 'spki', format: 'der' })),
    'is signed with the public JWK as a secret': () =>
      hmac(JSON.stringify(ours.publicKey.export({ format: 'jwk' }))),
    'is signed RS384 with our key': () => token({ header: { alg: 'RS384' }, hash: 'sha384' }),
    'is signed RS512 with our key': () => token({ header: { alg: 'RS512' }, hash: 'sha512' }),
    'is signed PS256 with our key': () =>
      token({ header: { alg: 'PS256' }, padding: constants.RSA_PKCS1_PSS_PADDING }),
    'is signed with a foreign key': () => token({ key: foreignKeys.privateKey }),
    'has an unknown key': () => token({ header: { kid: 'unknown' }, key: foreignKeys.privateKey }),
    'has no key': () => token({ header: { kid: undefined } }),
    'has a path for a key': () => token({ header: { kid: '../../../dev/null' } }),
    'has SQL for a key': () => token({ header: { kid: `' OR 1=1--` } }),
    'has a prototype for a key': () => token({ header: { kid: '__proto__' } }),
    'has an array for a key': () => token({ header: { kid: [ours.kid] } }),
    'has an object for a key': () => token({ header: { kid: { toString: ours.kid } } }),
    'has a huge key': () => token({ header: { kid: 'x'.repeat(8_000) } }),
    'brings its key': () =>
      token({
        header: { jwk: foreignKeys.publicKey.export({ format: 'jwk' }) },
        key: foreignKeys.privateKey,
      }),
    'brings a chain of certificates': () => token({ header: { x5c: ['MIIB'] } }),
    'has an extension that is critical': () => token({ header: { crit: ['b64'], b64: true } }),
    'is a JWT of another kind': () => token({ header: { typ: 'JWT' } }),
    'is an id token': () => token({ header: { typ: undefined } }),
    'is of another issuer': () => token({ claims: { iss: 'https://evil.example' } }),
    'is of an issuer that begins like ours': () =>
      token({ claims: { iss: `${app.config.JWT_ISSUER}.evil.example` } }),
    'is of our issuer with a slash': () => token({ claims: { iss: `${app.config.JWT_ISSUER}/` } }),
    'has no issuer': () => token({ claims: { iss: undefined } }),
    'is for another audience': () => token({ claims: { aud: 'https://other.example' } }),
    'is for others too': () => token({ claims: { aud: [app.config.JWT_AUDIENCE, 'https://other.example'] } }),
    'has no audience': () => token({ claims: { aud: undefined } }),
    'has expired': () => token({ claims: { exp: now() - 3_600 } }),
    'has no time of issue': () => token({ claims: { iat: undefined } }),
    'never expires': () => token({ claims: { exp: undefined } }),
    'expires in words': () => token({ claims: { exp: String(now() + 600) as never } }),
    'expires never, as a number': () =>
      token({ rawClaims: (json) => json.replace(/"exp":\d+/, '"exp":1e999') }),
    'is not valid yet': () => token({ claims: { nbf: now() + 120 } }),
    'has no subject': () => token({ claims: { sub: undefined } }),
    'has no session': () => token({ claims: { sid: undefined } }),
    'has roles in words': () => token({ claims: { roles: 'admin' } }),
    'was changed': () => user.accessToken.replace(/\.(.{20})./, (_, start) => `.${start}A`),
    'has lost its signature': () => user.accessToken.replace(/[^.]*$/, ''),
    'has claims that are no object': () => token({ rawClaims: () => '"text"' }),
    'has a header that is no JSON': () =>
      `${encode('{"alg":')}.${user.accessToken.split('.').slice(1).join('.')}`,
    'is a refresh token': () => user.refreshToken,
    'is one letter': () => 'x',
    'has two parts': () => 'a.b',
    'has five parts': () => 'a.b.c.d.e',
    'uses invalid characters': () => 'ä.ö.ü',
    'is full of dots': () => '.'.repeat(5_000),
  };

  it.each(Object.entries(forged))(
    'is rejected with the error in the challenge: it %s',
    async (_name, forge) => {
      const answer = await present(Buffer.from(forge()).toString('latin1'));

      expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    },
  );

  it.each(['jku', 'x5u'])('is rejected without a request to its %s URL', async (name) => {
    const { url, visits, stop } = await listener();

    const answer = await present(token({ header: { [name]: url }, key: foreignKeys.privateKey }));

    await stop();
    expect(answer.status).toBe(401);
    expect(visits()).toBe(0);
  });

  it('is accepted if the test signs the token correctly', async () => {
    // Proves that the tokens above are not all rejected because of an error in the test itself.
    expect((await present(token({}))).status).toBe(200);
  });

  it.each(['', 'Bearer', 'Bearer ', 'Bearer  x', 'Token x', 'x', ','])(
    'is rejected with 401, not with a server error: "%s"',
    async (authorization) => {
      const answer = await app.http().get('/v1/users/me').set('authorization', authorization);

      expect(answer).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
    },
  );
});

interface Forgery {
  header?: Record<string, unknown>;
  claims?: JWTPayload;
  rawClaims?: (json: string) => string;
  key?: KeyObject;
  hash?: string;
  padding?: number;
  signature?: string;
}

/** A valid token, except for the given changes. */
function token({ header, claims, rawClaims = (json) => json, ...signing }: Forgery): string {
  const text = `${encode({ alg: 'RS256', typ: 'at+jwt', kid: ours.kid, ...header })}.${encode(
    rawClaims(JSON.stringify({ ...decodeJwt(user.accessToken), ...claims })),
  )}`;
  const { key = ours.privateKey, hash = 'sha256', padding = constants.RSA_PKCS1_PADDING } = signing;
  const signature =
    signing.signature ?? sign(hash, Buffer.from(text), { key, padding }).toString('base64url');
  return `${text}.${signature}`;
}

function hmac(secret: string | Buffer): string {
  const [text] = token({ header: { alg: 'HS256' }, signature: '' }).split(/\.$/);
  return `${text}.${createHmac('sha256', secret).update(String(text)).digest('base64url')}`;
}

const encode = (part: object | string): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url');

const now = () => Math.floor(Date.now() / 1_000);

const present = (text: string, scheme = 'Bearer') =>
  app.http().get('/v1/users/me').set('authorization', `${scheme} ${text}`);

async function listener() {
  let visits = 0;
  const server: Server = createServer((_request, response) => {
    visits += 1;
    response.end('{}');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`,
    visits: () => visits,
    stop: () => new Promise((resolve) => void server.close(resolve)),
  };
}
