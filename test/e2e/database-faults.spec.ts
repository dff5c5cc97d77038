import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { TLSSocket } from 'node:tls';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { Program } from '../support/program.ts';
import { selfSigned } from '../support/self-signed.ts';

async function run(name: 'main' | 'worker' | 'migrate', databaseUrl: string) {
  const program = await Program.start(name, { NODE_ENV: 'development', DATABASE_URL: databaseUrl });
  return { exit: await program.exited, output: program.output };
}

const withParameters = (url: string, parameters: Record<string, string>): string => {
  const changed = new URL(url);
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value);
  return changed.href;
};

describe('a permanent fault of DATABASE_URL', () => {
  let database: TestDatabase;
  let tls: TlsServer;

  beforeAll(async () => {
    database = await createTestDatabase();
    tls = await TlsServer.start();
  });

  afterAll(() => Promise.all([database.drop(), tls.stop()]));

  const faults = (): [url: string, sentence: RegExp][] => [
    [withParameters(database.url, { sslmode: 'require' }), /Postgres offers no TLS/],
    [
      withParameters(database.url, { sslmode: 'verify-full', sslrootcert: '/nowhere/ca.pem' }),
      /DATABASE_URL: a file in sslrootcert, sslcert or sslkey cannot be read/,
    ],
    [withParameters(tls.url, { sslmode: 'verify-full' }), /certificate of Postgres can't be verified/],
    [
      Object.assign(new URL(database.url), { pathname: '/nowhere' }).href,
      /rejects the connection of DATABASE_URL: .*nowhere/,
    ],
  ];

  it.each(['main', 'worker', 'migrate'] as const)('ends %s.js with one sentence', async (name) => {
    const runs = await Promise.all(faults().map(([url]) => run(name, url)));

    expect(runs.map(({ exit }) => exit.code)).toEqual([1, 1, 1, 1]);
    faults().forEach(([, sentence], index) => expect(runs[index]?.output).toMatch(sentence));
    for (const { output } of runs) expect(output).not.toMatch(/\n +at /);
  });

  it('is not an unknown certificate with sslmode=require', async () => {
    const before = tls.encrypted;

    await run('migrate', withParameters(tls.url, { sslmode: 'require' }));

    expect(tls.encrypted).toBe(before + 1);
  });
});

/** Accepts TLS as Postgres does, with a certificate that no CA has signed, and then closes the connection. */
class TlsServer {
  /** Connections whose client accepted the certificate. */
  encrypted = 0;

  private constructor(private readonly server: Server) {}

  static async start(): Promise<TlsServer> {
    const certificate = selfSigned();
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => {
        socket.write('S', () => {
          const secured = new TLSSocket(socket, { isServer: true, ...certificate });
          secured.on('error', () => undefined);
          secured.once('data', () => {
            started.encrypted += 1;
            secured.destroy();
          });
        });
      });
    });
    const started = new TlsServer(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return started;
  }

  get url(): string {
    return `postgres://user:password@localhost:${(this.server.address() as AddressInfo).port}/app`;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}
