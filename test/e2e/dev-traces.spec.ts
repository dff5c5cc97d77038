import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, readdirSync } from 'node:fs';
import { get, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startTraceViewer } from '../../scripts/dev-traces.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { until } from '../support/until.ts';

const DIST = join(import.meta.dirname, '../../dist');

let app: TestApp;
let viewer: Server;
let url: string;

beforeAll(async () => {
  const metrics = [{ name: 'API', url: 'http://127.0.0.1:1/metrics' }];
  viewer = await startTraceViewer(0, metrics);
  url = `http://127.0.0.1:${(viewer.address() as AddressInfo).port}`;
  app = await TestApp.start({ settings: { OTEL_EXPORTER_OTLP_ENDPOINT: url } });
});

afterAll(async () => {
  await app.stop();
  viewer.closeAllConnections();
  await new Promise((resolve) => viewer.close(resolve));
});

describe('the trace viewer of bin/dev', () => {
  it('leads from a correlation id to the trace of a request and its job', async () => {
    const who = await signedIn(app);
    const api = await app.startAnother();
    await app.startAnotherWorker();

    const { body } = await who
      .post('/v1/jobs', { type: 'user-export' }, api)
      .set('x-correlation-id', 'find-me');

    const page = await until(async () => {
      const text = await textOf('/?id=find-me');
      return text.includes('process user-export') && text.includes('POST /v1/jobs') && text;
    }, 'the page of the trace');
    expect(page).toContain('<h2>Jobs</h2>');
    expect(page).toContain(body.data.id);
    expect(page).toContain('INSERT jobs');
    expect(await textOf('/')).toContain('find-me');
  });

  it('escapes what it shows, and says when there is no trace', async () => {
    const page = await textOf(`/?id=${encodeURIComponent('<script>')}`);

    expect(page).toContain('No trace has the id &#60;script&#62;');
    expect(page).not.toContain('<script>');
  });

  it('shows metrics, and which process does not respond', async () => {
    expect(await textOf('/metrics')).toContain('The process does not respond.');
  });

  it('rejects pages of other sites', async () => {
    const rebound = await new Promise((resolve) => {
      get(`${url}/`, { headers: { host: 'evil.example.com' } }, ({ statusCode }) => resolve(statusCode));
    });
    const simple = await fetch(`${url}/v1/traces`, { method: 'POST', body: '{}' });

    expect([rebound, simple.status]).toEqual([403, 415]);
  });

  it('is not in the build, so production has none', () => {
    expect(existsSync(join(DIST, 'src/main.js'))).toBe(true);
    expect(readdirSync(DIST)).not.toContain('scripts');
  });
});

const textOf = async (path: string): Promise<string> => (await fetch(url + path)).text();
