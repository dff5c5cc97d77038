import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Body, Controller, Get, Post } from '@nestjs/common';
import { z } from 'zod';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Public } from '../../src/platform/security/access.decorators.ts';
import { RateLimit } from '../../src/platform/security/rate-limit.decorator.ts';
import { TestApp } from '../support/app.ts';

@Controller('api/articles')
@Public()
class ArticlesController {
  @Get()
  @Endpoint({ summary: 'List articles' })
  listArticles(): void {}

  @Post()
  @RateLimit('mail')
  @Endpoint({ summary: 'Send an article' })
  sendArticle(@Body({ schema: z.strictObject({ title: z.string().max(10) }) }) _body: object): void {}
}

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ settings: { RATE_LIMIT_FACTOR: '1' }, controllers: [ArticlesController] });
});

afterAll(() => app.stop());

describe('a route outside /v1', () => {
  const send = (body: object | string) =>
    app.http().post('/api/articles').set('content-type', 'application/json').send(body);

  it.each([
    ['a success', () => app.http().get('/api/articles'), 204, 'default'],
    ['an unknown path', () => app.http().get('/api/nothing'), 404, 'default'],
    ['an unsupported method', () => app.http().delete('/api/articles'), 405, 'default'],
    ['a body that is not JSON', () => send('{'), 400, 'default'],
    ['an invalid body', () => send({}), 422, 'mail'],
    ['a route with its own limit', () => send({ title: 'a' }), 204, 'mail'],
  ])('is counted: %s', async (_name, ask, status, limit) => {
    const first = await ask();
    const second = await ask();

    expect([first.status, second.status]).toEqual([status, status]);
    expect(first.headers['ratelimit']).toMatch(new RegExp(`^"${limit}";r=`));
    expect(remaining(second)).toBe(remaining(first) - 1);
  });
});

const remaining = ({ headers }: { headers: Record<string, string> }): number =>
  Number(/r=(\d+)/.exec(headers['ratelimit'] ?? '')?.[1]);
