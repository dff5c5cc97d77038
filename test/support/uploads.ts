import type { Storage } from '../../src/files/storage/storage.ts';
import type { TestApp } from './app.ts';
import type { SignedIn } from './client.ts';

/** The smallest PNG. */
export const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

/** The same size and declared type as PNG, but a script. */
export const FAKE_PNG = Buffer.from('<script>alert(1)</script>'.padEnd(PNG.length));

/** URLs of the local disk lead to PUBLIC_URL, where the app of a test doesn't listen. */
export async function reachable(app: TestApp, url: string): Promise<string> {
  if (!url.startsWith(app.config.PUBLIC_URL)) return url;
  return url.replace(app.config.PUBLIC_URL, await app.listen());
}

interface Upload {
  url: string;
  headers: Record<string, string>;
}

export async function send(
  app: TestApp,
  { url, headers }: Upload,
  bytes: Buffer,
  other: Record<string, string> = {},
): Promise<number> {
  const body = new Uint8Array(bytes);
  const request = { method: 'PUT', headers: { ...headers, ...other }, body };
  const response = await fetch(await reachable(app, url), request);
  await response.text();
  return response.status;
}

export const fetchFile = async (app: TestApp, url: string) => fetch(await reachable(app, url));

/** Declares a file of the user. */
export async function declare(user: SignedIn, overrides: object = {}) {
  const body = { purpose: 'avatar', name: 'me.png', type: 'image/png', size: PNG.length, ...overrides };
  const response = await user.post('/v1/files', body);
  if (response.status !== 201) throw new Error(`No file: ${response.status} ${response.text}`);
  return (response.body as { data: { file: { id: string }; upload: Upload } }).data;
}

/** Declares, uploads and completes a file. Resolves to its id. */
export async function upload(app: TestApp, user: SignedIn, overrides: object = {}): Promise<string> {
  const { file, upload: to } = await declare(user, overrides);
  await send(app, to, PNG);
  const response = await user.post(`/v1/files/${file.id}/complete`);
  if (response.status !== 200) throw new Error(`Not completed: ${response.status} ${response.text}`);
  return file.id;
}

export async function keysIn(storage: Storage, ...prefixes: string[]): Promise<string[]> {
  const lists = prefixes.map((prefix) => storage.list(prefix, '', 1_000));
  return (await Promise.all(lists)).flat().map(({ key }) => key);
}
