import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Consumes, CSV } from '../../src/platform/http/consumes.decorator.ts';
import { page } from '../../src/platform/http/schemas.ts';
import { createDocument } from '../../src/platform/openapi/document.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { TestApp } from '../support/app.ts';
import { BookmarksController } from '../support/bookmarks.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';

const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const OLD = { deprecation: '@1796083200', sunset: 'Tue, 01 Jun 2027 00:00:00 GMT' };

@Tag('Bookmarks')
@Controller({ path: 'old-pages', version: '1' })
class OldPagesController {
  @Get()
  @Endpoint({
    summary: 'List old pages',
    returns: page(z.string()),
    deprecated: { since: '2026-12-01', link: 'https://docs.example.com/pages' },
  })
  listOldPages() {
    return { data: [], meta: { limit: 20, nextCursor: 'next' } };
  }
}

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ controllers: [BookmarksController, OldPagesController] });
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('a deprecated route', () => {
  it('sends its dates and its successor', async () => {
    const answer = await user.get(`/v1/bookmarks/${ID}`);

    expect(answer).toMatchObject({
      status: 200,
      body: { data: { id: ID, tags: 'news,daily' } },
      headers: { ...OLD, link: `</v2/bookmarks/${ID}>; rel="successor-version"` },
    });
  });

  it.each([
    ['401', () => app.http().get(`/v1/bookmarks/${ID}`)],
    ['404', () => user.get('/v1/bookmarks/01890a5d-ac96-774b-bcce-b302099a8058')],
    ['422', () => user.get(`/v1/bookmarks/${ID}?unknown=1`)],
  ])('sends them with an error too: %s', async (status, request) => {
    const answer = await request();

    expect(String(answer.status)).toBe(status);
    expect(answer.headers).toMatchObject(OLD);
  });

  it('can be read by a page of another origin', async () => {
    const { headers } = await user.get(`/v1/bookmarks/${ID}`).set('origin', app.config.CORS_ORIGINS[0] ?? '');

    expect(headers['access-control-expose-headers']).toMatch(/deprecation.*sunset/);
  });

  it('links its guide and the next page', async () => {
    const { headers } = await user.get('/v1/old-pages');

    expect(headers['link']).toBe(
      '<https://docs.example.com/pages>; rel="deprecation"; type="text/html", </v1/old-pages?cursor=next>; rel="next"',
    );
    expect(headers).not.toHaveProperty('sunset');
  });

  it('encodes the parameters of the request in its links', async () => {
    const { headers } = await user.get('/v1/bookmarks/%22%3E%0D%0A');

    expect(headers['link']).toBe('</v2/bookmarks/%22%3E%0D%0A>; rel="successor-version"');
  });

  it('is marked in the document, with its headers', () => {
    const { paths } = createDocument(app.api);
    const { get } = paths['/v1/bookmarks/{id}']!;

    expect(get).toMatchObject({
      deprecated: true,
      description: 'Deprecated since 2026-12-01. May be gone from 2027-06-01. Use `/v2/bookmarks/{id}`.',
    });
    const { headers } = get!.responses['200'] as { headers: object };
    expect(Object.keys(headers)).toEqual(expect.arrayContaining(['Deprecation', 'Sunset', 'Link']));
    expect(paths['/v2/bookmarks/{id}']!.get).not.toHaveProperty('deprecated');
  });
});

describe('a route that is not deprecated', () => {
  it.each([`/v2/bookmarks/${ID}`, '/v1/users/me'])('sends no such headers: %s', async (path) => {
    const { status, headers } = await user.get(path);

    expect(status).toBe(200);
    for (const name of ['deprecation', 'sunset', 'link']) expect(headers).not.toHaveProperty(name);
  });
});

describe('@Endpoint', () => {
  it.each([
    ['a sunset before the deprecation', { since: '2027-01-01', sunset: '2026-01-01' }],
    ['a day that does not exist', { since: '2026-13-01' }],
  ])('rejects %s', (_name, deprecated) => {
    expect(() => Endpoint({ summary: 'Get a thing', deprecated })).toThrow(/2026/);
  });

  it.each(['before', 'after'])('can be combined with a media type, %s it', async (order) => {
    const parts = [Consumes(CSV), Endpoint({ summary: 'Get a thing', deprecated: { since: '2026-12-01' } })];
    const handler = { thing: () => undefined };
    const descriptor = Object.getOwnPropertyDescriptor(handler, 'thing')!;
    for (const part of order === 'before' ? parts : parts.toReversed()) part(handler, 'thing', descriptor);

    const config = Reflect.getMetadata('__fastify_route_config__', handler.thing) as object;
    expect(config).toMatchObject({ consumes: CSV, deprecation: { headers: { deprecation: '@1796083200' } } });
  });
});

describe('the API guide', () => {
  it('shows the code of the two versions that this test runs', () => {
    const code = readFileSync(new URL('../support/bookmarks.ts', import.meta.url), 'utf8');
    const [example = ''] = codeBlocks(readGuide('api.md'), 'ts');

    expect(example).toContain("@Version('2')");
    expect(code).toContain(example.trim());
  });
});
