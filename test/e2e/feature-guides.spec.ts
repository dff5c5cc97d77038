import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { BookmarkErrorsController } from '../support/bookmark-errors.ts';
import {
  BookmarkEventsModule,
  BookmarkEventsService,
  BookmarkPreviewsModule,
} from '../support/bookmark-events.ts';
import { BookmarkCommentsService, BookmarkMailsModule } from '../support/bookmark-mails.ts';
import { signedIn } from '../support/client.ts';
import { blocksNotIn } from '../support/guide.ts';

it.each([
  ['send-a-mail.md', ['support/bookmark-mails.ts', 'e2e/feature-guides.spec.ts']],
  ['add-an-event.md', ['support/bookmark-events.ts']],
  [
    'add-a-language.md',
    ['support/bookmark-texts.ts', 'support/bookmark-errors.ts', '../src/reference-client/page/account.ts'],
  ],
])('the code of the guide is the code that is tested here: %s', (guide, files) => {
  expect(blocksNotIn(guide, files)).toEqual([]);
});

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({
    worker: true,
    modules: [BookmarkMailsModule, BookmarkEventsModule, BookmarkPreviewsModule].map((module) => ({
      module,
    })),
    controllers: [BookmarkErrorsController],
  });
  await app.db.query('CREATE TABLE bookmark_previews (bookmark_id uuid PRIMARY KEY)');
});

afterAll(() => app.stop());

describe('the mail of the guide', () => {
  const send = (ownerId: string, count: number) =>
    app.db.transaction((tx) =>
      app.api
        .get(BookmarkCommentsService, { strict: false })
        .report({ bookmarkId: randomUUID(), title: 'News', count }, ownerId, tx),
    );

  it('is sent with its data and a link', async () => {
    const { user: owner } = await createUser(app);

    await send(owner.id, 2);

    const mail = await app.mailbox.next(owner.email);
    expect(mail.subject).toBe('New comments on News');
    expect(mail.content).toContain('has 2 new comments.');
    expect(mail.content).toContain(`${app.config.FRONTEND_URL}/bookmarks/`);
  });

  // cspell:disable
  it('is in the language of the recipient', async () => {
    const who = await signedIn(app);

    await who.patch('/v1/users/me', { locale: 'de' });
    await send(who.user.id, 1);

    const mail = await app.mailbox.next(who.user.email);
    expect(mail.subject).toBe('Neue Kommentare zu News');
    expect(mail.content).toContain('hat 1 neuen Kommentar.');
  });
  // cspell:enable
});

describe('the event of the guide', () => {
  const emit = (id: string, fail: boolean) =>
    app.db.transaction(async (tx) => {
      const { user } = await createUser(app);
      const bookmark = { id, url: 'https://example.com' };
      await app.api.get(BookmarkEventsService, { strict: false }).created(bookmark, user.id, tx);
      if (fail) throw new Error('The change failed');
    });
  const previews = (id: string) => app.db.query('SELECT FROM bookmark_previews WHERE bookmark_id = $1', [id]);

  it('lets another feature write in the transaction of the change', async () => {
    const [kept, rolledBack] = [randomUUID(), randomUUID()];

    await emit(kept, false);
    await expect(emit(rolledBack, true)).rejects.toThrow('The change failed');

    expect(await previews(kept)).toHaveLength(1);
    expect(await previews(rolledBack)).toEqual([]);
  });
});

describe('the errors of the guide', () => {
  it.each([
    ['broken', 'en', 409, 'The page does not respond any more. Change the URL.'],
    ['broken', 'de', 409, 'Die Seite antwortet nicht mehr. Ändern Sie die URL.'], // cspell:disable-line
    ['too-many', 'en', 409, 'At most 1,000 bookmarks per user.'],
    ['too-many', 'de', 409, 'Höchstens 1.000 Lesezeichen pro Benutzer.'], // cspell:disable-line
  ])('are in the language of the request: %s in %s', async (path, language, status, detail) => {
    const response = await app.http().get(`/v1/bookmark-errors/${path}`).set('accept-language', language);

    expect(response).toMatchObject({ status, body: { detail } });
  });
});
