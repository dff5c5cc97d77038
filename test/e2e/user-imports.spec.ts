import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createJob, jobRow } from '../factories/job.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { countFiles, upload } from '../support/imports.ts';
import { times } from '../support/until.ts';

let app: TestApp;
let admin: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

describe('POST /v1/users/imports', () => {
  it('stores the file and starts a job of the caller', async () => {
    const csv = 'email,displayName\na@example.com,A\n';

    const answer = await upload(admin, csv);

    const { id } = answer.body.data;
    const { inputFileId, userId } = await jobRow(app, id);
    const chunks = await app.db.query('SELECT data FROM job_file_chunks WHERE file_id = $1', [inputFileId]);
    expect([answer.status, answer.headers['location']]).toEqual([202, `/v1/jobs/${id}`]);
    expect(answer.body.data).toMatchObject({ type: 'user-import', status: 'queued' });
    expect(userId).toBe(admin.user.id);
    expect(chunks.map(({ data }: { data: Buffer }) => data.toString())).toEqual([csv]);
  });

  it.each([
    ['is empty', ''],
    ['is nothing but a byte order mark', '\uFEFF'],
    ['has no header', 'a@example.com,A\n'],
    ['begins with a blank line', '\nemail,displayName\n'],
    ['has other columns', 'email,displayName,age\na@example.com,A,3\n'],
    ['lacks a column', 'email\na@example.com\n'],
    ['has a column twice', 'email,displayName,email\n'],
    ['is separated by semicolons', 'email;displayName\n'],
    ['has no line end in its first 4 KiB', 'x'.repeat(5_000)],
    ['is not UTF-8 in its header', Buffer.from('email,displayName\xe9\n', 'latin1')],
    [
      'is not UTF-8 after its header',
      Buffer.from(`email,displayName\n${'a,b\n'.repeat(99_999)}caf\xe9`, 'latin1'),
    ],
    ['ends in the middle of a character', Buffer.from('email,displayName\na@example.com,é').subarray(0, -1)],
    ['is a picture', Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')],
    ['is all zeros', Buffer.alloc(10_000)],
    ['is UTF-16', Buffer.from('\uFEFFemail,displayName\n', 'utf16le')],
  ])('rejects a file that %s, and stores nothing', async (_, file) => {
    const before = await countFiles(app);

    const answer = await upload(admin, file);

    expect([answer.status, answer.body.code]).toEqual([422, 'IMPORT_FILE_INVALID']);
    expect(await countFiles(app)).toBe(before);
  });

  it.each([
    ['a byte order mark', '\uFEFFemail,displayName\na@example.com,A\n'],
    ['CRLF', 'email,displayName\r\na@example.com,A\r\n'],
    ['CR', 'email,displayName\ra@example.com,A\r'],
    ['another order of columns', 'role,displayName,email\nuser,A,a@example.com\n'],
    ['a quoted header', '"email","displayName"\n'],
    ['only a header without a line end', 'email,displayName'],
  ])('accepts a file with %s', async (_, csv) => {
    const answer = await upload(admin, csv);

    expect(answer.status).toBe(202);
  });

  it('accepts a charset after the media type', async () => {
    const answer = await upload(admin, 'email,displayName\n', 'text/csv; charset=utf-8');

    expect(answer.status).toBe(202);
  });

  it.each(['application/json', 'text/plain', 'multipart/form-data; boundary=x', 'application/octet-stream'])(
    'rejects %s',
    async (type) => {
      const answer = await upload(admin, 'email,displayName\n', type);

      expect([answer.status, answer.body.code]).toEqual([415, 'UNSUPPORTED_MEDIA_TYPE']);
    },
  );

  it('rejects users who are not administrators, with any body', async () => {
    const user = await signedIn(app);
    const before = await countFiles(app);

    const answers = [
      await upload(user, 'email,displayName\n'),
      await upload(user, Buffer.alloc(100_000)),
      await app.http().post('/v1/users/imports').set('content-type', 'text/csv').send('email,displayName\n'),
    ];

    expect(answers.map(({ status, body }) => [status, body.code])).toEqual([
      [403, 'FORBIDDEN'],
      [403, 'FORBIDDEN'],
      [401, 'UNAUTHENTICATED'],
    ]);
    expect(await countFiles(app)).toBe(before);
  });

  it('stores no part of the file when the caller has too many unfinished jobs', async () => {
    const busy = await signedIn(app, { role: 'admin' });
    await Promise.all(times(100, () => createJob(app, { userId: busy.user.id })));
    const before = await countFiles(app);

    const answer = await upload(busy, 'email,displayName\na@example.com,A\n');

    expect([answer.status, answer.body.code]).toEqual([409, 'LIMIT_REACHED']);
    expect(await countFiles(app)).toBe(before);
  });
});
