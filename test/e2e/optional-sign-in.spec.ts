import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { item } from '../../src/platform/http/schemas.ts';
import { createDocument } from '../../src/platform/openapi/document.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { CurrentUser, Public } from '../../src/platform/security/access.decorators.ts';
import type { Principal } from '../../src/platform/security/principal.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { times } from '../support/until.ts';

const readerSchema = z.object({ userId: z.string().nullable() }).meta({ id: 'Reader' });

@Tag('Pages', 'Public pages.')
@Controller({ path: 'pages', version: '1' })
class PagesController {
  @Get()
  @Public({ caller: 'optional' })
  @Endpoint({ summary: 'Get a page', returns: item(readerSchema) })
  getPage(@CurrentUser() caller: Principal | undefined) {
    return { data: { userId: caller?.userId ?? null } };
  }

  // @ts-expect-error: the caller may be anonymous, so the parameter needs `| undefined`.
  @Public({ caller: 'optional' })
  handlerThatNeedsACaller(caller: Principal) {
    return caller.userId;
  }
}

const PATH = '/v1/pages';

let app: TestApp;
let reader: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ controllers: [PagesController], settings: { RATE_LIMIT_FACTOR: '0.1' } });
  reader = await signedIn(app);
});

afterAll(() => app.stop());

describe('a public route with an optional caller', () => {
  it('serves anonymous callers', async () => {
    const response = await app.http().get(PATH);

    expect(response).toMatchObject({ status: 200, body: { data: { userId: null } } });
  });

  it('knows a signed-in caller', async () => {
    const response = await reader.get(PATH);

    expect(response).toMatchObject({ status: 200, body: { data: { userId: reader.user.id } } });
  });

  it.each(['Bearer invalid', 'Basic dTpw', 'Bearer', ''])(
    'is 401 for the Authorization header "%s", so that the client refreshes',
    async (authorization) => {
      const response = await app.http().get(PATH).set('authorization', authorization);

      expect(response).toMatchObject({ status: 401, body: { code: 'UNAUTHENTICATED' } });
      expect(response.headers['www-authenticate']).toMatch(/^Bearer/);
    },
  );

  it('is 401 for the token of a revoked session', async () => {
    const signedOut = await signedIn(app);
    await signedOut.post('/v1/auth/logout');

    expect((await signedOut.get(PATH)).status).toBe(401);
  });

  it('is not for shared caches, and varies by the caller', async () => {
    const answers = [await app.http().get(PATH), await reader.get(PATH)];

    for (const { headers } of answers) {
      expect(headers['cache-control']).toBe('no-store');
      expect(headers['vary']).toMatch(/\bAuthorization$/);
    }
  });

  it('has an optional token in the OpenAPI document, and documents 401', () => {
    const operation = createDocument(app.api).paths[PATH]!.get!;

    expect(operation.security).toEqual([{}, { bearer: [] }]);
    expect(Object.keys(operation.responses)).toContain('401');
  });

  it('counts the requests of a signed-in caller by user', async () => {
    const anonymous = await Promise.all(times(60, () => app.http().get(PATH)));

    expect(anonymous.map(({ status }) => status)).toContain(429);
    expect((await reader.get(PATH)).status).toBe(200);
  });
});
