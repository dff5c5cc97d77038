import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUIDv7 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Permissions } from '../../src/platform/security/permissions.ts';
import type { Principal } from '../../src/platform/security/principal.ts';
import { TestApp } from '../support/app.ts';
import { boardPolicy, BoardsModule, TABLES } from '../support/boards.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { until } from '../support/until.ts';

const SOURCE = readFileSync(new URL('../support/boards.ts', import.meta.url), 'utf8');
const body = { title: 'New' };

let app: TestApp;
let owner: SignedIn;
let member: SignedIn;
let other: SignedIn;
let admin: SignedIn;
let board: string;

beforeAll(async () => {
  app = await TestApp.start({ modules: [{ module: BoardsModule }] });
  await app.db.query(TABLES);
  [owner, member, other] = await Promise.all([signedIn(app), signedIn(app), signedIn(app)]);
  admin = await signedIn(app, { role: 'admin' });
});

afterAll(() => app.stop());

beforeEach(async () => {
  board = await insert('boards', 'title', ['Plans']);
  await app.db.query('INSERT INTO board_members VALUES ($1, $2)', [board, member.user.id]);
});

it.each(codeBlocks(readGuide('authorization.md'), 'ts').filter((code) => !code.includes('rule(')))(
  'the code of the guide is the code that is tested here: %#',
  (code) => {
    expect(SOURCE).toContain(code.replaceAll(/^import .*\n/gm, '').trim());
  },
);

describe('a board that its owner shares with members', () => {
  it('is read by its owner, members and administrators, and hidden from others', async () => {
    expect(await statuses((who) => who.get(`/v1/boards/${board}`))).toEqual([200, 200, 404, 200]);
  });

  it('is changed by its owner and members, and only visible to administrators', async () => {
    expect(await statuses((who) => who.patch(`/v1/boards/${board}`, body))).toEqual([200, 200, 404, 403]);
  });

  it('is deleted by its owner only', async () => {
    const answers = await Promise.all([member, other, admin].map((who) => who.delete(`/v1/boards/${board}`)));

    expect(answers.map(({ status, body: { code } }) => [status, code])).toEqual([
      [403, 'FORBIDDEN'],
      [404, 'NOT_FOUND'],
      [403, 'FORBIDDEN'],
    ]);
    expect((await owner.delete(`/v1/boards/${board}`)).status).toBe(204);
  });

  it('is in the lists of those who see it', async () => {
    const isListed = async (who: SignedIn) => {
      const { data } = (await who.get('/v1/boards')).body;
      return data.filter(({ id }: { id: string }) => id === board).length;
    };

    expect(await Promise.all([owner, member, other, admin].map(isListed))).toEqual([1, 1, 0, 1]);
  });
});

describe('a role of the product', () => {
  it('allows what its permissions allow, and no more', async () => {
    const support = await signedIn(app, { role: 'support' });

    const answers = await Promise.all([
      support.get(`/v1/boards/${board}`),
      support.get('/v1/boards/count'),
      support.get(`/v1/users/${owner.user.id}`),
      support.patch(`/v1/boards/${board}`, body),
      support.patch(`/v1/users/${owner.user.id}`, { status: 'suspended' }),
      owner.get('/v1/boards/count'),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 403, 403, 403]);
  });

  it('is shown to its user, with its permissions', async () => {
    const support = await signedIn(app, { role: 'support' });

    const [ofSupport, ofAdmin] = await Promise.all(
      [support, admin].map(async (who) => (await who.get('/v1/users/me/permissions')).body.data),
    );

    expect(ofSupport).toEqual({ role: 'support', permissions: ['boards:read', 'users:read'] });
    expect(ofAdmin.role).toBe('admin');
    expect(ofAdmin.permissions).toEqual(app.api.get(Permissions).keys().toSorted());
  });
});

describe('a member who is removed', () => {
  it('can’t make a change that waited for the removal', async () => {
    const removal = app.db.createQueryRunner();
    await removal.startTransaction();
    await boardPolicy.lock('share', board, principal(owner), removal.manager);
    await removal.query('DELETE FROM board_members WHERE board_id = $1', [board]);
    const change = member.patch(`/v1/boards/${board}`, body).then(({ status }) => status);
    await untilOneWaits();

    await removal.commitTransaction();
    await removal.release();

    expect(await change).toBe(404);
    expect((await owner.get(`/v1/boards/${board}`)).body.data.title).toBe('Plans');
  });

  it('is removed after the change that the member is making', async () => {
    const change = app.db.createQueryRunner();
    await change.startTransaction();
    await boardPolicy.lock('rename', board, principal(member), change.manager);
    const removal = owner
      .delete(`/v1/boards/${board}/members/${member.user.id}`)
      .then(({ status }) => status);
    await untilOneWaits();

    await change.query(`UPDATE boards SET title = 'Changed' WHERE id = $1`, [board]);
    await change.commitTransaction();
    await change.release();

    expect(await removal).toBe(204);
    expect((await member.get(`/v1/boards/${board}`)).status).toBe(404);
    expect((await owner.get(`/v1/boards/${board}`)).body.data.title).toBe('Changed');
  });
});

describe('an article that its owner publishes', () => {
  it('is read by anonymous callers once it is published', async () => {
    const [draft, article] = [await createArticle(false), await createArticle(true)];

    expect((await app.http().get(`/v1/articles/${draft}`)).status).toBe(404);
    expect((await app.http().get(`/v1/articles/${article}`)).body.data).toEqual({
      id: article,
      title: 'News',
      isYours: false,
    });
  });

  it('is changed by its owner; others get 403 if it is published, and 404 if not', async () => {
    const [draft, article] = [await createArticle(false), await createArticle(true)];

    const answers = await Promise.all([
      owner.patch(`/v1/articles/${article}`, body),
      other.patch(`/v1/articles/${article}`, body),
      other.patch(`/v1/articles/${draft}`, body),
    ]);

    expect(answers.map(({ status }) => status)).toEqual([200, 403, 404]);
  });
});

const principal = ({ user }: SignedIn) => ({ userId: user.id }) as Principal;

const untilOneWaits = () =>
  until(async () => {
    const waiting = await app.db.query(
      `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    return waiting.length > 0;
  }, 'the request to wait for the lock');

const createArticle = (published: boolean) => insert('articles', 'title, published', ['News', published]);

async function insert(table: string, columns: string, values: unknown[]): Promise<string> {
  const id = randomUUIDv7();
  const places = values.map((_, index) => `$${index + 3}`).join(', ');
  const sql = `INSERT INTO ${table} (id, user_id, ${columns}) VALUES ($1, $2, ${places})`;
  await app.db.query(sql, [id, owner.user.id, ...values]);
  return id;
}

/** The statuses for the owner, a member, another user and an administrator. */
async function statuses(send: (who: SignedIn) => PromiseLike<{ status: number }>): Promise<number[]> {
  const answers = await Promise.all([owner, member, other, admin].map(send));
  return answers.map(({ status }) => status);
}
