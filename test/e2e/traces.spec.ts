import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { isOf, OtlpReceiver } from '../support/otlp-receiver.ts';
import type { Program } from '../support/program.ts';
import { times, until } from '../support/until.ts';

const [SERVER, CLIENT, PRODUCER, CONSUMER] = [2, 3, 4, 5];
const ERROR = 2;
const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const CALLER_SPAN = 'b7ad6b7169203331';

const traceparentOf = (traceId: string, flags = '01'): string => `00-${traceId}-${CALLER_SPAN}-${flags}`;

let app: TestApp;
let api: Program;
let worker: Program;
let collector: OtlpReceiver;

beforeAll(async () => {
  collector = await OtlpReceiver.start();
  app = await TestApp.start();
  const settings = {
    OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20key',
    OTEL_TRACES_SAMPLER: 'always_on',
  };
  [api, worker] = await Promise.all([
    app.startAnother(settings),
    app.startAnotherWorker({ ...settings, OTEL_SERVICE_NAME: 'my-worker' }),
  ]);
});

afterAll(async () => {
  await app.stop();
  await collector.stop();
});

describe('the trace of a request', () => {
  it('contains its statements, its job and the statements of the job', async () => {
    const who = await signedIn(app);

    const started = await who
      .post('/v1/jobs', { type: 'user-export' }, api)
      .set({ traceparent: traceparentOf(TRACE_ID), 'x-correlation-id': 'traced-job' });

    const request = await collector.find('POST /v1/jobs', isOf('traced-job'));
    const sent = await collector.find('send user-export', ({ traceId }) => traceId === TRACE_ID);
    const insert = await collector.find('INSERT jobs', ({ parentSpanId }) => parentSpanId === sent.spanId);
    const run = await collector.find('process user-export', isOf('traced-job'));
    const update = await collector.find('UPDATE jobs', ({ parentSpanId }) => parentSpanId === run.spanId);
    const chain = [request, sent, insert, run, update];
    expect(chain.map(({ traceId }) => traceId)).toEqual(times(5, () => TRACE_ID));
    expect(chain.map(({ kind }) => kind)).toEqual([SERVER, PRODUCER, CLIENT, CONSUMER, CLIENT]);
    expect([request, sent, run].map(({ parentSpanId }) => parentSpanId)).toEqual([
      CALLER_SPAN,
      request.spanId,
      sent.spanId,
    ]);
    expect([request.service, run.service]).toEqual([expect.stringMatching(/-api$/), 'my-worker']);
    expect(collector.headers['x-key']).toBe('a key');
    expect(request.attributes).toMatchObject({
      'http.request.method': 'POST',
      'http.route': '/v1/jobs',
      'http.response.status_code': started.status,
      'app.correlation_id': 'traced-job',
    });
    expect(run.attributes).toMatchObject({
      'messaging.system': 'bullmq',
      'messaging.destination.name': 'user-export',
      'messaging.operation.type': 'process',
      'messaging.message.id': started.body.data.id,
      'app.job.outcome': 'completed',
    });
    expect(update.attributes).toMatchObject({
      'db.system.name': 'postgresql',
      'db.query.text': expect.stringContaining('$1'),
    });
    for (const secret of [who.user.id, who.user.email, who.accessToken])
      expect(collector.text).not.toContain(secret);
  });

  it('shows an error of the database without its values', async () => {
    await app.db.query('ALTER TABLE users RENAME TO users_elsewhere');

    await app
      .http(api)
      .post('/v1/auth/login')
      .set('x-correlation-id', 'traced-error')
      .send({ email: 'canary@example.com', password: 'canary password' });

    await app.db.query('ALTER TABLE users_elsewhere RENAME TO users');
    const request = await collector.find('POST /v1/auth/login', isOf('traced-error'));
    const statement = await collector.find(
      'SELECT users',
      ({ traceId, status }) => traceId === request.traceId && status.code === ERROR,
    );
    expect(request).toMatchObject({ status: { code: ERROR }, attributes: { 'error.type': '500' } });
    expect(statement.attributes).toMatchObject({ 'db.response.status_code': '42P01' });
    expect(collector.text).not.toContain('canary');
  });

  it('ignores an invalid traceparent, and has no path of an unknown route', async () => {
    await app
      .http(api)
      .get('/nothing/canary?token=canary')
      .set({ traceparent: traceparentOf('0'.repeat(32)), 'x-correlation-id': 'no-route' });

    const request = await collector.find('GET', isOf('no-route'));
    expect(request.traceId).not.toBe('0'.repeat(32));
    expect(request.attributes).not.toHaveProperty('http.route');
    expect(collector.text).not.toContain('canary');
  });

  it('is in the log lines of the API and of the worker', async () => {
    const lines = await until(() => {
      const found = [api, worker].map((program) =>
        program.lines().find(({ correlationId }) => correlationId === 'traced-job'),
      );
      return found.every(Boolean) && found;
    }, 'the log lines');

    for (const line of lines)
      expect(line).toMatchObject({
        trace_id: TRACE_ID,
        span_id: expect.stringMatching(/^[0-9a-f]{16}$/),
        instance: expect.any(String),
        version: expect.any(String),
      });
  });
});

describe('the sampler', () => {
  it('decides, and not the caller', async () => {
    const [never, always] = ['1'.repeat(32), '2'.repeat(32)];
    const unsampled = await app.startAnother({
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0',
    });

    await app.http(unsampled).get('/').set('traceparent', traceparentOf(never, '01'));
    await app.http(api).get('/').set('traceparent', traceparentOf(always, '00'));

    await unsampled.end();
    await collector.find('GET /', ({ traceId }) => traceId === always);
    expect(collector.text).not.toContain(never);
  });
});

describe('an endpoint that is down', () => {
  it.each(['rejects connections', 'never responds'])(
    'slows no request and no shutdown: it %s',
    async (how) => {
      const broken = await OtlpReceiver.start();
      broken.hangs = true;
      if (how === 'rejects connections') await broken.stop();
      const other = await app.startAnother({
        OTEL_EXPORTER_OTLP_ENDPOINT: broken.url,
        SHUTDOWN_DEADLINE_SECONDS: '5',
      });

      const answers = await Promise.all(times(50, () => app.http(other).get('/')));

      const exit = await other.end();
      if (how !== 'rejects connections') await broken.stop();
      expect(answers.map(({ status }) => status)).toEqual(times(50, () => 200));
      expect(exit).toEqual({ code: 0, signal: null });
      expect(other.output).toContain('Shutdown complete');
    },
  );
});

/** Prints the name of each OpenTelemetry package that the program loads. */
const PRINT_PACKAGES = `import { registerHooks } from 'node:module';
registerHooks({
  resolve(name, context, next) {
    if (name.startsWith('@opentelemetry/')) console.log('loads ' + name);
    return next(name, context);
  },
});`;

describe('without an endpoint', () => {
  it('the SDK is not loaded, and the log has the trace id of the caller', async () => {
    const other = await app.startAnother({
      NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(PRINT_PACKAGES)}`,
    });

    await app.http(other).get('/').set('traceparent', traceparentOf(TRACE_ID));

    const line = await until(() => other.lines().find(({ msg }) => msg === 'request'), 'the log line');
    expect(line).toMatchObject({ trace_id: TRACE_ID });
    expect(line).not.toHaveProperty('span_id');
    expect(new Set(other.output.match(/loads .*/g))).toEqual(new Set(['loads @opentelemetry/api']));
  });
});
