import { deflateSync, crc32 } from 'node:zlib';
import { type ApiClient, connectionFault, expectEqual } from './client.ts';
import { Failure, type Progress } from './terminal.ts';

interface NewFile {
  file: { id: string };
  upload: { url: string; headers: Record<string, string> };
}

const NAME = 'Zoë (1).png';
const SIDE = 64;
const STORAGE_TIMEOUT_MS = 15_000;

/** Uploads an image directly to the file storage, as a browser does. Resolves to the id of the file. */
export async function uploadImage(api: ApiClient, progress: Progress): Promise<string> {
  const image = makeImage();
  const { data } = await api.call<NewFile>('POST /v1/files', 201, {
    json: { purpose: 'avatar', name: NAME, type: 'image/png', size: image.length },
  });
  const { url, headers } = data.upload;
  const body = new Uint8Array(image);
  const { status } = await requestStorage(url, { method: 'PUT', headers, body });
  expectEqual('the status of the upload', status, 200);
  await api.call(`POST /v1/files/${data.file.id}/complete`, 200);
  progress.note(`${image.length} bytes to ${new URL(url).origin}`);
  return data.file.id;
}

/** Sets the avatar, and loads it as a browser without a token does. */
export async function setAvatar(api: ApiClient, fileId: string, progress: Progress): Promise<void> {
  const { data: me } = await api.call<{ avatarUrl: string }>('PUT /v1/users/me/avatar', 200, {
    json: { fileId },
  });
  const image = await requestStorage(me.avatarUrl, {});
  expectEqual('the status of the image', image.status, 200);
  expectEqual('its Content-Type', image.headers.get('content-type'), 'image/png');
  const isSame = Buffer.from(await image.arrayBuffer()).equals(makeImage());
  expectEqual('the same bytes as uploaded', isSame, true);
  progress.note(`“${NAME}” at ${new URL(me.avatarUrl).pathname}`);
}

export async function removeAvatar(api: ApiClient, fileId: string): Promise<void> {
  await api.call('DELETE /v1/users/me/avatar', 204);
  const { data: me } = await api.call<{ avatarUrl: null }>('GET /v1/users/me', 200);
  expectEqual('the avatarUrl', me.avatarUrl, null);
  await api.call(`GET /v1/users/avatars/${fileId}`, 404);
}

async function requestStorage(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, { ...init, signal: AbortSignal.timeout(STORAGE_TIMEOUT_MS) });
  } catch (error) {
    throw new Failure('a response of the file storage', connectionFault(error), {
      request: `${init.method ?? 'GET'} ${url}`,
    });
  }
}

/** A grey square. */
function makeImage(): Buffer {
  // Width, height, 8 bits per pixel, and no colours.
  const header = Buffer.concat([bigEndian(SIDE), bigEndian(SIDE), Buffer.from([8, 0, 0, 0, 0])]);
  // Each line begins with the number of its filter: none.
  const lines = Buffer.concat(
    Array.from({ length: SIDE }, () => Buffer.from([0, ...Buffer.alloc(SIDE, 128)])),
  );
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', deflateSync(lines)), chunk('IEND')]);
}

function bigEndian(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function chunk(type: string, data = Buffer.alloc(0)): Buffer {
  const content = Buffer.concat([Buffer.from(type), data]);
  return Buffer.concat([bigEndian(data.length), content, bigEndian(crc32(content))]);
}
