import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { BookmarksController } from '../support/bookmarks.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { codeBlocks, parseExchange, readGuide } from '../support/guide.ts';

const examples = codeBlocks(readGuide('api.md'), 'http').map((block) => {
  const exchange = parseExchange(block);
  return [`${exchange.request.start.join(' ')} → ${exchange.response.start[1]}`, exchange] as const;
});

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({ controllers: [BookmarksController], settings: { RATE_LIMIT_FACTOR: '1' } });
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('an example of the API guide', () => {
  it('exists for each convention', () => {
    const text = JSON.stringify(examples);

    for (const part of [
      'include=total',
      'if-none-match',
      'if-match',
      'idempotency-key',
      'ratelimit',
      'sunset',
      '422',
    ])
      expect(text).toContain(part);
  });

  it.each(examples)('gets the response that it shows: %s', async (_name, { request, response }) => {
    const [method = '', path = ''] = request.start;
    const call = app.http()[method.toLowerCase() as 'get' | 'post' | 'patch' | 'delete'](path);

    const actual = await call
      .set({ authorization: `Bearer ${user.accessToken}`, ...request.headers })
      .send(request.body as object | undefined);

    expect(String(actual.status)).toBe(response.start[1]);
    expect(actual.headers).toMatchObject(patternOf(response.headers) as object);
    expect(actual.body).toMatchObject(patternOf(response.body ?? {}) as object);
  });
});

/** In a guide, `…` stands for any text. */
function patternOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(patternOf);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, patternOf(part)]));
  if (typeof value !== 'string' || !value.includes('…')) return value;
  const parts = value.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return expect.stringMatching(new RegExp(`^${parts.join('.*')}$`));
}
