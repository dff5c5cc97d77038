import { describe, expect, it } from '@jest/globals';
import { hostname } from 'node:os';
import { product } from '../config/product.ts';
import { createLogger, scrub } from './logger.ts';
import { NestLogger } from './nest-logger.ts';
import { runInContext } from './request-context.ts';

type Line = Record<string, unknown> & { msg: string };

/** Returns the log output as text and as parsed lines. */
function written(work: (logger: ReturnType<typeof createLogger>) => void, level = 'trace') {
  const text: string[] = [];
  work(createLogger(level, { write: (line) => void text.push(line) }));
  return { text: text.join(''), lines: text.map((line) => JSON.parse(line) as Line) };
}

describe('the log', () => {
  it('has one JSON object per line, with time, level and message', () => {
    const { text, lines } = written((logger) => logger.info({ route: '/x' }, 'request'));

    expect(text).toMatch(/^\{.*\}\n$/);
    expect(lines[0]).toEqual({
      level: 'info',
      time: expect.any(Number),
      pid: process.pid,
      instance: hostname(),
      version: product.version,
      route: '/x',
      msg: 'request',
    });
  });

  it('writes one line even for text with line breaks', () => {
    const { text, lines } = written((logger) => {
      logger.info('first\nsecond\r\n\u001b[31mred\u001b[0m');
      logger.info({ name: 'a\n{"level":"fatal"}' }, 'fields');
    });

    expect(text.match(/\n/g)).toHaveLength(2);
    expect(text).not.toContain('\u001b');
    expect(lines[1]).toMatchObject({ name: 'a\n{"level":"fatal"}' });
  });

  it('adds the context of the current request only', () => {
    const { lines } = written((logger) => {
      runInContext({ correlationId: 'one', userId: 'u1' }, () => logger.info('in one'));
      runInContext({ correlationId: 'two' }, () => logger.info('in two'));
      logger.info('in none');
    });

    expect(lines[0]).toMatchObject({ correlationId: 'one', userId: 'u1' });
    expect(lines[1]).toMatchObject({ correlationId: 'two' });
    expect(lines[1]).not.toHaveProperty('userId');
    expect(lines[2]).not.toHaveProperty('correlationId');
  });

  it('omits lines below its level', () => {
    const { lines } = written((logger) => {
      logger.debug('small');
      logger.warn('large');
    }, 'warn');

    expect(lines.map(({ msg }) => msg)).toEqual(['large']);
  });

  it.each([
    'authorization',
    'cookie',
    'password',
    'currentPassword',
    'newPassword',
    'passwordHash',
    'token',
    'accessToken',
    'refreshToken',
    'secret',
    'salt',
  ])('hides the value of %s at each depth', (key) => {
    const { text } = written((logger) => {
      logger.info({ [key]: 'canary' }, 'top');
      logger.info({ req: { [key]: 'canary' } }, 'one down');
      logger.info({ req: { headers: { [key]: 'canary' } } }, 'two down');
      logger.info({ job: { data: { input: { [key]: 'canary' } } } }, 'three down');
    });

    expect(text).not.toContain('canary');
    expect(text.match(/\*\*\*/g)).toHaveLength(4);
  });

  it('hides secrets in the fields of a child logger', () => {
    const { text } = written((logger) => {
      logger
        .child({ token: 'canary' })
        .child({ req: { cookie: 'canary' } })
        .info('child');
    });

    expect(text).not.toContain('canary');
    expect(text.match(/\*\*\*/g)).toHaveLength(2);
  });

  it('hides objects below the fourth level, and changes no logged object', () => {
    const fields = { a: { b: [{ email: 'canary', d: { e: 'canary' } }] }, none: null, date: new Date(0) };

    const { lines } = written((logger) => logger.info(fields, 'deep'));

    expect(lines[0]).toMatchObject({
      a: { b: [{ email: '***', d: '***' }] },
      none: null,
      date: '1970-01-01T00:00:00.000Z',
    });
    expect(fields.a.b[0]).toMatchObject({ email: 'canary', d: { e: 'canary' } });
  });

  it('shows the type, message, stack and code of an error, but not its SQL parameters', () => {
    const error = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (email)=(canary@example.com) already exists.',
      parameters: ['canary@example.com'],
      query: 'INSERT INTO users VALUES (canary)',
    });

    const { text, lines } = written((logger) => logger.error({ err: error }, 'failed'));

    expect(lines[0]?.['err']).toMatchObject({ type: 'Error', message: 'duplicate key', code: '23505' });
    expect(lines[0]).toMatchObject({ err: { stack: expect.stringContaining('logger.spec') } });
    expect(text).not.toContain('canary');
  });

  it('shows only the safe fields of an error under any key', () => {
    const error = Object.assign(new Error('rejected'), { email: 'canary', parameters: ['canary'] });

    const { text, lines } = written((logger) => {
      logger.warn({ reason: error }, 'top');
      logger.child({ cause: { reason: error } }).warn('child');
    });

    expect(lines[0]).toMatchObject({ reason: { type: 'Error', message: 'rejected' } });
    expect(lines[1]).toMatchObject({ cause: { reason: { type: 'Error', message: 'rejected' } } });
    expect(text).not.toContain('canary');
  });

  it('shows the cause of an error without its secrets', () => {
    const cause = Object.assign(new Error('rejected by postgres://app:canary@db/app'), {
      parameters: ['canary'],
    });

    const { text } = written((logger) => logger.error({ err: new Error('failed', { cause }) }, 'failed'));

    expect(text).toContain('rejected by postgres://***@db/app');
    expect(text).not.toContain('canary');
  });
});

describe('a logged text', () => {
  it.each([
    ['postgres://app:canary@db.internal/app', 'postgres://***@db.internal/app'],
    ['rediss://:canary@redis:6380', 'rediss://***@redis:6380'],
    ['Authorization: Bearer canary.canary-canary', 'Authorization: Bearer ***'],
    ['Basic Y2FuYXJ5OmNhbmFyeQ==', 'Basic ***'],
    ['got eyJhbGciOiJub25lIn0.eyJzdWIiOiJjYW5hcnkifQ.', 'got ***'],
    ['GET /verify-email?token=canary&x=1', 'GET /verify-email?token=***&x=1'],
    ['GET /callback?x=1&code=canary', 'GET /callback?x=1&code=***'],
  ])('loses its secrets: %s', (text, expected) => {
    expect(scrub(text)).toBe(expected);
  });

  it('is not changed without secrets', () => {
    const text = 'The bearer of https://example.com/a?b=c#d wrote to me@example.com at 10:00';

    expect(scrub(text.replace('bearer of', 'owner of'))).toBe(text.replace('bearer of', 'owner of'));
  });
});

describe('the log lines of Nest', () => {
  it('omit an error of the start, which the program prints', () => {
    const { text } = written((logger) => {
      new NestLogger(logger).error(new Error('Redis is too old'), 'ExceptionHandler');
    });

    expect(text).toBe('');
  });

  it('have the same format', () => {
    const { text, lines } = written((logger) => {
      const nest = new NestLogger(logger);
      nest.log('started', 'Router');
      nest.warn({ msg: 'odd', count: 2 }, 'Queue');
      nest.error(new Error('broken'), 'Filter');
      nest.error('broken', 'Error: broken\n    at somewhere', 'Filter');
      nest.fatal('gone', 'Main');
    });

    expect(lines.map(({ level, msg, source }) => [level, source, msg])).toEqual([
      ['info', 'Router', 'started'],
      ['warn', 'Queue', 'odd'],
      ['error', 'Filter', 'broken'],
      ['error', 'Filter', 'broken'],
      ['fatal', 'Main', 'gone'],
    ]);
    expect(lines[1]).toMatchObject({ count: 2 });
    expect(lines[2]).toMatchObject({ err: { message: 'broken', stack: expect.stringContaining('at ') } });
    expect(lines[3]).toMatchObject({ stack: expect.stringContaining('at somewhere') });
    for (const line of text.trim().split('\n')) expect(line.match(/"msg":/g)).toHaveLength(1);
  });
});
