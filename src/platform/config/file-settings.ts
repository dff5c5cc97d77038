import { z } from 'zod';
import { flag, httpUrl, optional, whole, withDefault } from './setting-fields.ts';

/** AWS: lower-case letters, digits, dots and hyphens. */
const bucketName = z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, 'must be the name of a bucket');

const endpoint = httpUrl.refine(
  (url) => new URL(url).pathname === '/',
  'must not contain a path: set FILES_S3_BUCKET and FILES_S3_PATH_STYLE',
);

export const fileSettings = {
  FILES_STORAGE: optional(z.enum(['local', 's3'])).describe(
    'Where uploaded files are stored. local: in FILES_DIR, which all processes must share. s3: in an S3-compatible bucket. Required in production. Default: local.',
  ),
  FILES_DIR: withDefault(z.string(), '.local/files').describe(
    'The folder for files with FILES_STORAGE=local. It belongs to one database: files that this database does not know are removed.',
  ),
  FILES_QUOTA_MIB: withDefault(whole(1, 1_048_576), 100).describe(
    'The total size of the files that one user may store, in MiB.',
  ),
  FILES_S3_BUCKET: optional(bucketName).describe(
    'The bucket, private and for this environment only: objects that the database does not know are removed.',
  ),
  FILES_S3_REGION: withDefault(z.string().regex(/^[a-z0-9-]+$/), 'us-east-1').describe(
    'The region of the bucket. Many S3-compatible services use auto.',
  ),
  FILES_S3_ENDPOINT: optional(endpoint).describe(
    'The URL of the S3 API. Default: that of AWS in FILES_S3_REGION.',
  ),
  FILES_S3_PUBLIC_ENDPOINT: optional(endpoint).describe(
    'The URL at which clients reach the S3 API, for uploads and downloads. Default: FILES_S3_ENDPOINT.',
  ),
  FILES_S3_ACCESS_KEY_ID: optional(z.string()).describe('The id of the access key.'),
  FILES_S3_SECRET_ACCESS_KEY: optional(z.string()).describe('The secret of the access key.'),
  FILES_S3_PATH_STYLE: withDefault(flag, false).describe(
    'Puts the bucket in the path of the URL instead of the host name. Most self-hosted S3 servers need it.',
  ),
};

const REQUIRED_FOR_S3 = ['FILES_S3_BUCKET', 'FILES_S3_ACCESS_KEY_ID', 'FILES_S3_SECRET_ACCESS_KEY'] as const;

type FileSettings = Partial<Record<keyof typeof fileSettings, unknown>> & { NODE_ENV: string };

export function fileFaults(settings: FileSettings): string[] {
  const isProduction = settings.NODE_ENV === 'production';
  if (settings.FILES_STORAGE === undefined && isProduction) {
    return ['FILES_STORAGE: is required in production: s3, or local for one machine with a lasting disk'];
  }
  if (settings.FILES_STORAGE !== 's3') return [];
  const missing = REQUIRED_FOR_S3.filter((name) => settings[name] === undefined);
  return missing.map((name) => `${name}: is required with FILES_STORAGE=s3`);
}
