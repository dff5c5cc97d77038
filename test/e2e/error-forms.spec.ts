import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import type { Test } from 'supertest';
import { TestApp } from '../support/app.ts';
import { ArticlesController, oldErrors } from '../support/articles.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start({
    controllers: [ArticlesController],
    providers: oldErrors.providers!,
    settings: { API_DOCS: 'true', RATE_LIMIT_FACTOR: '0.2' },
  });
  user = await signedIn(app);
});

afterAll(() => app.stop());

const put = (body: string, type = 'application/json'): Test =>
  user.put('/api/articles/first').set('content-type', type).send(body);

describe('a path with its own form of errors', () => {
  it.each([
    ['401', () => app.http().put('/api/articles/first').send({ title: 'New' })],
    ['404', () => user.get('/api/articles/unknown')],
    ['404', () => user.get('/api/unknown')],
    ['405', () => user.delete('/api/articles/first')],
    ['400', () => put('{')],
    ['400', () => user.get('/api/articles/%zz')],
    ['414', () => user.get(`/api/articles/${'x'.repeat(300)}`)],
    ['414', () => user.get(`/api/articles/${'x'.repeat(10_000)}`)],
    ['413', () => put(`"${'x'.repeat(200_000)}"`)],
    ['415', () => put('a', 'text/plain')],
  ])('uses it for %s', async (status, ask) => {
    const answer = await ask();

    expect(String(answer.status)).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json; charset=utf-8');
    expect(answer.headers['x-correlation-id']).toBeTruthy();
    expect(answer.body).toEqual({ errors: { body: [expect.stringMatching(/\w/)] } });
  });

  it('lists invalid fields in it', async () => {
    const answer = await user.put('/api/articles/first', { title: '' });

    expect(answer.status).toBe(422);
    expect(answer.body).toEqual({ errors: { body: [expect.stringMatching(/^title /)] } });
  });

  it('sends success in its own envelope, and only the documented fields', async () => {
    const answer = await user.put('/api/articles/first', { title: 'New' });
    const read = await app.http().get('/api/articles/first');

    expect(answer.body).toEqual({ article: { slug: 'first', title: 'New' } });
    expect(read.body).toEqual({ article: { slug: 'first', title: 'First' } });
  });

  it('sends and documents a success without an envelope', async () => {
    const answer = await app.http().get('/api/articles');
    const { body } = await app.http().get('/openapi.json');

    expect(answer.body).toEqual([{ slug: 'first', title: 'First' }]);
    expect(body.paths['/api/articles'].get.responses['200'].content['application/json'].schema).toEqual({
      type: 'array',
      items: { $ref: '#/components/schemas/Article' },
    });
  });

  it('leaves other paths, such as /apis, with problem documents', async () => {
    for (const path of ['/v1/unknown', '/apis', '/apis/%zz']) {
      const { headers } = await app.http().get(path);
      expect(headers['content-type']).toMatch(/^application\/problem\+json/);
    }
  });

  it('is in the OpenAPI document with an example for each code', async () => {
    const { body } = await app.http().get('/openapi.json');

    const { responses } = body.paths['/api/articles/{slug}'].put;
    expect(Object.keys(responses)).toEqual(
      expect.arrayContaining(['200', '401', '404', '413', '422', '429']),
    );
    for (const status of ['401', '404', '413', '422', '429', '500']) {
      expect(responses[status].content['application/json'].schema).toEqual({
        $ref: '#/components/schemas/OldErrors',
      });
      expect(responses[status].content['application/problem+json']).toBeUndefined();
    }
    expect(responses['401'].content['application/json'].examples.UNAUTHENTICATED.value).toEqual({
      errors: { body: [expect.stringContaining('access token')] },
    });
    expect(body.components.schemas.OldErrors).toBeDefined();
  });

  it('is the example of the guide', () => {
    const source = readFileSync(new URL('../support/articles.ts', import.meta.url), 'utf8');
    const blocks = codeBlocks(readGuide('api.md'), 'ts');
    const examples = blocks.filter((block) => /ErrorFormsModule|ArticlesController/.test(block));

    expect(examples).toHaveLength(2);
    for (const example of examples) expect(source).toContain(example);
  });

  it('is used above the rate limit, with Retry-After', async () => {
    const answers = await Promise.all(times(80, () => user.get('/api/articles/first')));

    const limited = answers.find(({ status }) => status === 429);
    expect(limited?.body).toEqual({ errors: { body: [expect.stringMatching(/too many requests/)] } });
    expect(Number(limited?.headers['retry-after'])).toBeGreaterThan(0);
  });
});
