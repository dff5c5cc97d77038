/** The S3 server of Docker Compose. S3_HOST, S3_PORT, S3_DIR and S3_BUCKET are its settings. For development only. */
import { startS3rver } from './s3rver.ts';

const { S3_HOST = '127.0.0.1', S3_PORT = '9000', S3_DIR = '.local/s3', S3_BUCKET = 'files' } = process.env;

// S3 also encodes !'()* in the text that it signs. s3rver does not, so it would reject the URLs of some file names.
const encode = globalThis.encodeURIComponent;
globalThis.encodeURIComponent = (text) =>
  encode(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

const { port } = await startS3rver({
  address: S3_HOST,
  port: Number(S3_PORT),
  directory: S3_DIR,
  bucket: S3_BUCKET,
});
process.stdout.write(`S3 server on port ${port}, bucket ${S3_BUCKET}\n`);
