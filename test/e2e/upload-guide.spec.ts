import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { ReceiptsModule, ReceiptsService } from '../support/receipts.ts';
import { S3Server } from '../support/s3/s3-server.ts';
import { fetchFile, PNG } from '../support/uploads.ts';

const GUIDE = readGuide('upload-files.md');
const SOURCE = readFileSync(new URL('../support/receipts.ts', import.meta.url), 'utf8');
const blocks = codeBlocks(GUIDE, 'ts').map((code) => code.replaceAll(/^import .*\n/gm, '').trim());

type Upload = (apiUrl: string, token: string, purpose: string, file: File) => Promise<{ id: string }>;

it.each(blocks)('the code of the guide is the code that is tested here: %#', (code) => {
  expect(SOURCE).toContain(code);
});

describe('the receipts of the guide', () => {
  let s3: S3Server;
  let app: TestApp;
  let receipts: ReceiptsService;

  beforeAll(async () => {
    s3 = await S3Server.start();
    app = await TestApp.start({
      modules: [{ module: ReceiptsModule }],
      settings: s3.settings,
    });
    const [columns = ''] = codeBlocks(GUIDE, 'sql');
    await app.db.query(`CREATE TABLE receipts (id uuid PRIMARY KEY, user_id uuid NOT NULL, ${columns})`);
    receipts = app.api.get(ReceiptsService, { strict: false });
  });

  afterAll(async () => {
    await app.stop();
    await s3.stop();
  });

  it('are uploaded by the client of the guide, downloaded by their owner only, and removed', async () => {
    const [user, other] = [await signedIn(app), await signedIn(app)];
    const [code = ''] = codeBlocks(GUIDE, 'js');
    const upload = compileFunction(`${code}; return upload;`)() as Upload;
    const file = new File([new Uint8Array(PNG)], 'receipt.png', { type: 'image/png' });

    const { id: fileId } = await upload(await app.listen(), user.accessToken, 'receipt', file);
    const id = await receipts.add(fileId, user.user.id);
    const { url } = await receipts.download(id, user.user.id);
    const response = await fetchFile(app, url);

    expect(response.headers.get('content-disposition')).toBe('attachment; filename="receipt.png"');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(PNG);
    await expect(receipts.download(id, other.user.id)).rejects.toMatchObject({ name: 'NOT_FOUND' });
    await receipts.remove(id, user.user.id);
    expect((await user.get(`/v1/files/${fileId}`)).status).toBe(404);
  });
});
