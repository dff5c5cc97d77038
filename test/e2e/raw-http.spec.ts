import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AddressInfo } from 'node:net';
import { TestApp } from '../support/app.ts';
import { exchange } from '../support/raw-http.ts';

let app: TestApp;
let port: number;

beforeAll(async () => {
  app = await TestApp.start();
  const server = app.api.getHttpServer();
  await app.api.listen(0, '127.0.0.1');
  port = (server.address() as AddressInfo).port;
});

afterAll(() => app.stop());

describe('a malformed HTTP request', () => {
  const requests = {
    'has a length and chunks': [
      'POST /v1/auth/login HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
      'Content-Length: 4',
      'Transfer-Encoding: chunked',
      '',
      '0',
      '',
      'GET /v1/users HTTP/1.1',
      'Host: localhost',
    ],
    'has two lengths': [
      'POST /v1/auth/login HTTP/1.1',
      'Host: localhost',
      'Content-Length: 4',
      'Content-Length: 5',
      '',
      'null!',
    ],
    'hides its chunks': [
      'POST /v1/auth/login HTTP/1.1',
      'Host: localhost',
      'Transfer-Encoding: xchunked',
      '',
      '0',
    ],
    'has a blank before the colon': ['GET / HTTP/1.1', 'Host : localhost'],
    'has a header without a name': ['GET / HTTP/1.1', 'Host: localhost', ': nothing'],
    'has a chunk of no length': [
      'POST /v1/auth/login HTTP/1.1',
      'Host: localhost',
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
      '',
      'zz',
    ],
    'is of an unknown version': ['GET / HTTP/3.7', 'Host: localhost'],
    'has no host': ['GET / HTTP/1.1'],
    'has an unknown method': ['BREW /coffee HTTP/1.1', 'Host: localhost'],
    'is not HTTP': ['\u0016\u0003\u0001\u0002\u0000'],
  };

  it.each(Object.entries(requests))('is rejected and its connection closed: it %s', async (_name, lines) => {
    const answer = await exchange(port, `${lines.join('\r\n')}\r\n\r\n`);

    expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    // One response: the bytes after the rejected request were not parsed as a second request.
    expect(answer.match(/^HTTP\/1\.1 /gm)).toHaveLength(1);
  });

  it('is rejected with a problem document', async () => {
    const answer = await exchange(port, 'nonsense\r\n\r\n');

    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toContain('Content-Type: application/problem+json; charset=utf-8');
    expect(JSON.parse(body)).toEqual({ title: 'Bad Request', status: 400, code: 'MALFORMED_REQUEST' });
  });

  it('is rejected if its headers are too large', async () => {
    const answer = await exchange(
      port,
      `GET / HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer).toContain('application/problem+json');
  });

  it.each(['TRACE / HTTP/1.1', 'CONNECT localhost:80 HTTP/1.1', 'PROPFIND / HTTP/1.1'])(
    'reveals nothing with %s',
    async (line) => {
      const answer = await exchange(
        port,
        `${line}\r\nHost: localhost\r\nCookie: secret=1\r\nConnection: close\r\n\r\n`,
      );

      expect(answer).not.toContain('secret');
      expect(answer).not.toMatch(/^HTTP\/1\.1 [25]/);
    },
  );

  it('does not affect other requests', async () => {
    for (const lines of Object.values(requests)) await exchange(port, `${lines.join('\r\n')}\r\n\r\n`);

    const answer = await exchange(
      port,
      'GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );

    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });
});

describe('an encoded or non-canonical path', () => {
  it.each([
    '/v1/./users',
    '/v1/auth/../users',
    '//v1/users',
    '/v1/users/',
    '/v1/%75sers',
    '/V1/users',
    '/v1/users;x=1',
    'http://localhost/v1/users',
    '/v1/users%2f',
  ])('does not bypass authentication: %s', async (path) => {
    const answer = await exchange(
      port,
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
    );

    expect(answer).toMatch(/^HTTP\/1\.1 40[014] /);
  });

  it.each([
    ['x-http-method-override', 'DELETE'],
    ['x-original-url', '/health/live'],
    ['x-rewrite-url', '/'],
  ])('does not bypass authentication with %s', async (header, value) => {
    const request = `GET /v1/users HTTP/1.1\r\nHost: localhost\r\n${header}: ${value}\r\nConnection: close\r\n\r\n`;

    expect(await exchange(port, request)).toMatch(/^HTTP\/1\.1 401 /);
  });
});
