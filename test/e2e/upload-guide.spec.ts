import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { compileFunction } from 'node:vm';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';
import { blocksNotIn, codeBlocks, readGuide } from '../support/guide.ts';
import { ReceiptsModule } from '../support/receipts.ts';
import { S3Server } from '../support/s3/s3-server.ts';
import { fetchFile, PNG, upload } from '../support/uploads.ts';

const GUIDE = readGuide('upload-files.md');

type Upload = (apiUrl: string, token: string, purpose: string, file: File) => Promise<{ id: string }>;

it('the code of the guide is the code that is tested here', () => {
  expect(blocksNotIn('upload-files.md', ['support/receipts.ts', 'e2e/upload-guide.spec.ts'])).toEqual([]);
});

describe('the receipts of the guide', () => {
  let s3: S3Server;
  let app: TestApp;

  beforeAll(async () => {
    s3 = await S3Server.start();
    app = await TestApp.start({
      modules: [{ module: ReceiptsModule }],
      settings: s3.settings,
    });
    for (const statements of codeBlocks(GUIDE, 'sql')) await app.db.query(statements);
  });

  afterAll(async () => {
    await app.stop();
    await s3.stop();
  });

  it('are uploaded by the client of the guide, downloaded by their owner only, and removed', async () => {
    const [user, other] = [await signedIn(app), await signedIn(app)];
    const [code = ''] = codeBlocks(GUIDE, 'js');
    const uploadInBrowser = compileFunction(`${code}; return upload;`)() as Upload;
    const file = new File([new Uint8Array(PNG)], 'receipt.png', { type: 'image/png' });

    const { id: fileId } = await uploadInBrowser(await app.listen(), user.accessToken, 'receipt', file);
    const created = await user.post('/v1/receipts', { fileId });
    const path = `/v1/receipts/${created.body.data.id}`;
    const { headers } = await user.get(`${path}/file`);
    const response = await fetchFile(app, headers['location']!);

    expect(response.headers.get('content-disposition')).toBe('attachment; filename="receipt.png"');
    expect(Buffer.from(await response.arrayBuffer())).toEqual(PNG);
    expect((await other.delete(path)).status).toBe(404);
    expect((await user.delete(path)).status).toBe(204);
    expect((await user.get(`/v1/files/${fileId}`)).status).toBe(404);
  });

  it('is added by its owner, and not downloaded by others', async () => {
    const [owner, other] = [await signedIn(app), await signedIn(app)];
    const fileId = await upload(app, owner, { purpose: 'receipt', name: 'receipt.png' });

    const created = await owner.post('/v1/receipts', { fileId });

    const path = `/v1/receipts/${created.body.data.id}/file`;
    expect(created).toMatchObject({ status: 201, body: { data: { fileId } } });
    expect((await owner.get(path)).status).toBe(302);
    expect((await other.get(path)).status).toBe(404);
    expect((await owner.post('/v1/receipts', { fileId })).body.code).toBe('FILE_NOT_USABLE');
  });
});
