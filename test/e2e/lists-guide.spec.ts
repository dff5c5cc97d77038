import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUIDv7 } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Response } from 'supertest';
import { Loaders } from '../../src/platform/graphql/graphql-context.ts';
import { Keyset } from '../../src/platform/pagination/keyset.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { Post, PostsModule, PostsService, TABLES } from '../support/posts.ts';
import { findSlowNodes, recordStatements } from '../support/query-plans.ts';
import { times } from '../support/until.ts';

const GUIDE = readGuide('lists.md');
const SOURCE = readFileSync(new URL('../support/posts.ts', import.meta.url), 'utf8');
const indexes = codeBlocks(GUIDE, 'sql').filter((code) => code.startsWith('CREATE INDEX'));
const TOPICS = ['art', 'music', 'news'];

interface PostRow {
  id: string;
  title: string;
  topic: string;
  comments: number;
  publishedAt: string | null;
  createdAt: string;
}

let app: TestApp;
let user: SignedIn;
let posts: PostRow[];

beforeAll(async () => {
  app = await TestApp.start({ modules: [{ module: PostsModule }] });
  await app.db.query(TABLES);
  for (const index of indexes) await app.db.query(index);
  user = await signedIn(app);
  const topicIds = await Promise.all(TOPICS.map(createTopic));
  posts = [];
  for (const index of times(20, (i) => i)) posts.push(await createPost(topicIds, index));
});

afterAll(() => app.stop());

it.each(codeBlocks(GUIDE, 'ts'))('the code of the guide is the code that is tested here: %#', (code) => {
  expect(SOURCE).toContain(code.replaceAll(/^import .*\n/gm, '').trim());
});

const SORTS = ['createdAt', 'publishedAt', 'topic', 'comments'] as const;

describe.each(SORTS.flatMap((name) => [name, `-${name}`]))('a list sorted by %s', (sort) => {
  it('has each row once, in the order of its values and then of its ids', async () => {
    const titles = await walk(sort, 3);

    expect(titles).toEqual(inOrder(sort).map(({ title }) => title));
  });

  it('continues after each of its rows', async () => {
    const expected = inOrder(sort).map(({ title }) => title);

    const titles = await walk(sort, 1);

    expect(titles).toEqual(expected);
  });

  it('counts the rows and not the joined ones', async () => {
    const { body } = await user.get(`/v1/posts?sort=${sort}&include=total`);

    expect(body.meta.total).toBe(posts.length);
  });
});

describe('a cursor', () => {
  it('stays valid when its row is deleted or loses its value', async () => {
    const topicId = await createTopic('changing');
    const ids = [];
    for (const day of [1, 2, 3])
      ids.push(
        await insertPost({
          topicId,
          title: `day ${day}`,
          publishedAt: `2020-01-0${day}`,
          createdAt: '2020-01-01',
        }),
      );
    const url = `/v1/posts?sort=publishedAt&topicId=${topicId}`;
    const first = await user.get(`${url}&limit=1`);
    const second = await user.get(`${url}&limit=1&cursor=${first.body.meta.nextCursor}`);
    await app.db.query('DELETE FROM posts WHERE id = $1', [ids[0]]);
    await app.db.query('UPDATE posts SET published_at = NULL WHERE id = $1', [ids[1]]);

    const after = await Promise.all(
      [first, second].map(({ body }) => user.get(`${url}&cursor=${body.meta.nextCursor}`)),
    );

    await app.db.query('DELETE FROM posts WHERE topic_id = $1', [topicId]);
    expect(after.map(titlesOf)).toEqual(times(2, () => ['day 3', 'day 2']));
  });
});

describe('related rows', () => {
  it('are the latest of each row of a page, with the number of all', async () => {
    const { body } = await user.get('/v1/posts?limit=100');

    for (const { title, latestComments, commentCount } of body.data) {
      const { id, comments } = posts.find((post) => post.title === title)!;
      const expected = await app.db.query<{ id: string }[]>(
        'SELECT id FROM comments WHERE post_id = $1 ORDER BY created_at DESC, id DESC LIMIT 3',
        [id],
      );
      expect(latestComments.map((comment: { id: string }) => comment.id)).toEqual(
        expected.map((comment) => comment.id),
      );
      expect(commentCount).toBe(comments);
    }
    expect(body.data).toHaveLength(20);
  });

  it('take three statements for any number of rows', async () => {
    const statements = recordStatements(app.db);

    await user.get('/v1/posts?limit=100');

    const ofPosts = [...statements.keys()].filter((text) => /"(posts|comments)"/.test(text));
    expect(ofPosts).toHaveLength(3);
  });

  it('are loaded in one statement for all fields of a GraphQL operation', async () => {
    const loaders = new Loaders({ cache: true });
    const service = app.api.get(PostsService, { strict: false });
    const calls: string[][] = [];

    const counts = await Promise.all(
      posts.map(({ id }) =>
        loaders.loadFrom('comment-counts', id, (ids) => {
          calls.push(ids);
          return service.countComments(ids);
        }),
      ),
    );

    expect(counts).toEqual(posts.map(({ comments }) => comments));
    expect(calls).toEqual([posts.map(({ id }) => id)]);
  });
});

describe('a search', () => {
  it('finds words by their start, without case and accents', async () => {
    const topicId = await createTopic('searched');
    for (const title of ['Café society', 'A cafe in winter', 'Nothing'])
      await insertPost({ topicId, title, publishedAt: null, createdAt: '2020-01-01' });
    const search = (q: string) => user.get(`/v1/posts/search?q=${encodeURIComponent(q)}`);

    const answers = await Promise.all([search('CAFE'), search('win cafe'), search('winter nothing')]);

    await app.db.query('DELETE FROM posts WHERE topic_id = $1', [topicId]);
    expect(answers.map((answer) => titlesOf(answer).toSorted())).toEqual([
      ['A cafe in winter', 'Café society'],
      ['A cafe in winter'],
      [],
    ]);
  });
});

describe('with 50,000 posts', () => {
  beforeAll(async () => {
    await app.db.query(
      `INSERT INTO posts (id, topic_id, title, published_at, created_at)
       SELECT gen_random_uuid(), (SELECT id FROM topics LIMIT 1), 'many',
         CASE WHEN i % 2 = 0 THEN now() - make_interval(secs => i) END, now() - make_interval(secs => i)
       FROM generate_series(1, 50000) AS i`,
    );
    await app.db.query('ANALYZE posts');
  });

  it.each(['createdAt', '-createdAt', 'publishedAt', '-publishedAt'])(
    'each page sorted by %s reads only its rows',
    async (sort) => {
      // In the middle of the rows with a value, near the last of them, and in the middle of those without.
      const positions = await Promise.all([10_000, 24_995, 40_000].map((offset) => positionAt(sort, offset)));
      const value = `post.${sort.replace('-', '')}`;
      const rows = app.db.getRepository(Post).createQueryBuilder('post');
      const keyset = new Keyset(rows, { value, nullable: value === 'post.publishedAt' }, sort);
      const statements = recordStatements(app.db);

      const pages = [];
      for (const position of positions) pages.push(await keyset.readAfter(position, 20));

      const ofPages = [...statements.values()].filter(({ text }) => text.includes('sort_value'));
      const slow = [];
      for (const statement of ofPages)
        slow.push(...(await findSlowNodes(app.db, statement, new Set(['posts']))));
      expect(pages.map(({ length }) => length)).toEqual([20, 20, 20]);
      expect(ofPages.length).toBe(sort.endsWith('createdAt') ? 1 : 3);
      expect(slow).toEqual([]);
    },
  );

  it.each(['-relevance', '-createdAt'])('a search sorted by %s reads only its matches', async (sort) => {
    const topicId = await createTopic(`rare ${sort}`);
    await insertPost({ topicId, title: 'A rare word', publishedAt: null, createdAt: '2020-01-01' });
    const statements = recordStatements(app.db);

    const found = await user.get(`/v1/posts/search?q=rare&sort=${sort}`);

    const ofPosts = [...statements.values()].filter(({ text }) => text.includes('"posts"'));
    const slow = [];
    for (const statement of ofPosts)
      slow.push(...(await findSlowNodes(app.db, statement, new Set(['posts']))));
    await app.db.query('DELETE FROM posts WHERE topic_id = $1', [topicId]);
    expect(titlesOf(found)).toEqual(['A rare word']);
    expect(ofPosts).toHaveLength(2);
    expect(slow).toEqual([]);
  });
});

async function positionAt(sort: string, offset: number): Promise<[value: string | null, id: string]> {
  const column = sort.endsWith('createdAt') ? 'created_at' : 'published_at';
  const direction = sort.startsWith('-') ? 'DESC' : 'ASC';
  const [row] = await app.db.query<{ value: string | null; id: string }[]>(
    `SELECT ${column}::text AS value, id FROM posts
     ORDER BY ${column} ${direction} NULLS LAST, id ${direction} OFFSET ${offset} LIMIT 1`,
  );
  return [row!.value, row!.id];
}

const titlesOf = ({ body }: Response) => body.data.map(({ title }: PostRow) => title);

function inOrder(sort: string): PostRow[] {
  const name = sort.replace('-', '');
  const sign = sort.startsWith('-') ? -1 : 1;
  const valueOf = (post: PostRow) => post[name as 'topic' | 'comments' | 'publishedAt'];
  return posts.toSorted((a, b) => {
    const [left, right] = [valueOf(a), valueOf(b)];
    if (left === null || right === null) {
      if (left !== right) return left === null ? 1 : -1;
      return sign * (a.id < b.id ? -1 : 1);
    }
    if (left !== right) return sign * (left < right ? -1 : 1);
    return sign * (a.id < b.id ? -1 : 1);
  });
}

/** The titles of all pages. */
async function walk(sort: string, limit: number): Promise<string[]> {
  const titles: string[] = [];
  for (let next: string | null = ''; next !== null;) {
    const page = await user.get(`/v1/posts?limit=${limit}&sort=${sort}${next && `&cursor=${next}`}`);
    titles.push(...titlesOf(page));
    next = page.body.meta.nextCursor;
  }
  return titles;
}

async function createTopic(name: string): Promise<string> {
  const id = randomUUIDv7();
  await app.db.query('INSERT INTO topics VALUES ($1, $2)', [id, name]);
  return id;
}

async function insertPost(row: Omit<PostRow, 'id' | 'topic' | 'comments'> & { topicId: string }) {
  const id = randomUUIDv7();
  await app.db.query(
    'INSERT INTO posts (id, topic_id, title, published_at, created_at) VALUES ($1, $2, $3, $4, $5)',
    [id, row.topicId, row.title, row.publishedAt, row.createdAt],
  );
  return id;
}

/** Each value occurs several times, and some have no time of publication. */
async function createPost(topicIds: string[], index: number): Promise<PostRow> {
  const [topic, comments] = [index % 3, index % 4];
  const post = {
    title: `Post ${index}`,
    publishedAt: index % 5 < 2 ? null : `2020-01-0${1 + (index % 5)}T00:00:00.000Z`,
    createdAt: `2019-01-0${1 + (index % 6)}T00:00:00.000Z`,
  };
  const id = await insertPost({ ...post, topicId: topicIds[topic]! });
  await app.db.query(`INSERT INTO comments SELECT gen_random_uuid(), $1 FROM generate_series(1, $2::int)`, [
    id,
    comments,
  ]);
  return { ...post, id, topic: TOPICS[topic]!, comments };
}
