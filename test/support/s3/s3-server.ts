import { mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TcpProxy } from '../tcp-proxy.ts';
import { CREDENTIALS, startS3rver } from './s3rver.ts';

const BUCKET = 'files-test';

/** An S3 server in this process, behind a proxy that makes it unavailable. */
export class S3Server {
  private constructor(
    private readonly server: { close(): Promise<void> },
    private readonly directory: string,
    readonly proxy: TcpProxy,
    private readonly url: string,
  ) {}

  static async start(): Promise<S3Server> {
    const directory = mkdtempSync(join(tmpdir(), 's3-'));
    const server = await startS3rver({ address: '127.0.0.1', port: 0, directory, bucket: BUCKET });
    const proxy = await TcpProxy.start();
    return new S3Server(server, directory, proxy, proxy.to(`http://127.0.0.1:${server.port}`));
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

  /** The names of the stored files. */
  keys(): string[] {
    const names = readdirSync(this.directory, { recursive: true, encoding: 'utf8' });
    return names.filter((name) => name.endsWith('._S3rver_object'));
  }

  /** Makes all objects two days old. */
  age(): void {
    const time = new Date(Date.now() - 2 * 24 * 60 * 60_000);
    for (const name of readdirSync(this.directory, { recursive: true, encoding: 'utf8' }))
      utimesSync(join(this.directory, name), time, time);
  }

  async stop(): Promise<void> {
    await this.proxy.stop();
    await this.server.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
