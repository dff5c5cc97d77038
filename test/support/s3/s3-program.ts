import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../../scripts/processes.ts';
import { CREDENTIALS } from './s3rver.ts';

const BUCKET = 'files-test';

/** The S3 server as Docker Compose runs it. The API and clients reach it at different hosts. */
export class S3Program {
  private constructor(
    private readonly child: ReturnType<typeof spawn>,
    private readonly directory: string,
    private readonly port: number,
  ) {}

  static async start(): Promise<S3Program> {
    const directory = mkdtempSync(join(tmpdir(), 's3-'));
    const port = await freePort();
    const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
      env: { PATH: process.env.PATH, S3_PORT: String(port), S3_DIR: directory, S3_BUCKET: BUCKET },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    return new S3Program(child, directory, port);
  }

  get publicUrl(): string {
    return `http://localhost:${this.port}`;
  }

  get settings(): Record<string, string> {
    return {
      FILES_STORAGE: 's3',
      FILES_S3_ENDPOINT: `http://127.0.0.1:${this.port}`,
      FILES_S3_PUBLIC_ENDPOINT: this.publicUrl,
      FILES_S3_BUCKET: BUCKET,
      FILES_S3_ACCESS_KEY_ID: CREDENTIALS,
      FILES_S3_SECRET_ACCESS_KEY: CREDENTIALS,
      FILES_S3_PATH_STYLE: 'true',
    };
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.kill();
    await exited;
    rmSync(this.directory, { recursive: true, force: true });
  }
}
