import { createRequire } from 'node:module';

/** s3rver has one key pair, with this id and secret. It checks signatures, as S3 does. */
export const CREDENTIALS = 'S3RVER';

interface S3rver {
  middleware: ((context: Context, next: () => Promise<void>) => Promise<void>)[];
  run(): Promise<{ port: number }>;
  close(): Promise<void>;
}

interface Context {
  method: string;
  headers: Record<string, string | undefined>;
  query: Record<string, string | undefined>;
  status: number;
}

export interface S3rverOptions {
  address: string;
  port: number;
  directory: string;
  bucket: string;
}

const S3rverServer = createRequire(import.meta.url)('@20minutes/s3rver') as new (options: object) => S3rver;

/** Pages of every origin may use signed URLs. */
const CORS = `<CORSConfiguration><CORSRule>
  <AllowedOrigin>*</AllowedOrigin><AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>
  <AllowedHeader>content-type</AllowedHeader><MaxAgeSeconds>3600</MaxAgeSeconds>
</CORSRule></CORSConfiguration>`;

/** An S3 server with one private bucket. */
export async function startS3rver({ bucket, ...options }: S3rverOptions) {
  const server = new S3rverServer({
    ...options,
    silent: true,
    vhostBuckets: false,
    configureBuckets: [{ name: bucket, configs: [CORS] }],
  });
  server.middleware.unshift(rejectUnsigned);
  const { port } = await server.run();
  return { port, close: () => server.close() };
}

/** s3rver lets anonymous requests read and change every bucket. */
async function rejectUnsigned(context: Context, next: () => Promise<void>): Promise<void> {
  const isSigned = context.headers['authorization'] ?? context.query['X-Amz-Signature'];
  if (isSigned || context.method === 'OPTIONS') return next();
  context.status = 403;
}
