import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TcpProxy } from './tcp-proxy.ts';

/** Checks signatures, as S3 does, with this key pair. */
const CREDENTIALS = 'S3RVER';
const BUCKET = 'files-test';

interface S3rver {
  run(): Promise<{ port: number }>;
  close(): Promise<void>;
}

const S3rverServer = createRequire(import.meta.url)('@20minutes/s3rver') as new (options: object) => S3rver;

/** An S3 server in this process, behind a proxy that makes it unavailable. */
export class S3Server {
  private constructor(
    private readonly server: S3rver,
    private readonly directory: string,
    readonly proxy: TcpProxy,
    private readonly url: string,
  ) {}

  static async start(): Promise<S3Server> {
    const directory = mkdtempSync(join(tmpdir(), 's3-'));
    const server = new S3rverServer({
      address: '127.0.0.1',
      port: 0,
      silent: true,
      directory,
      configureBuckets: [{ name: BUCKET, configs: [] }],
    });
    const { port } = await server.run();
    const proxy = await TcpProxy.start();
    return new S3Server(server, directory, proxy, proxy.to(`http://127.0.0.1:${port}`));
  }

  get settings(): Record<string, string> {
    return {
      FILES_STORAGE: 's3',
      FILES_S3_ENDPOINT: this.url,
      FILES_S3_BUCKET: BUCKET,
      FILES_S3_ACCESS_KEY_ID: CREDENTIALS,
      FILES_S3_SECRET_ACCESS_KEY: CREDENTIALS,
      FILES_S3_PATH_STYLE: 'true',
    };
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
