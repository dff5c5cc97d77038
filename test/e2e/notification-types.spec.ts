import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AuditEventTypes } from '../../src/audit/audit-event-types.ts';
import { de as authTexts } from '../../src/auth/auth.de.ts';
import { jobFailedType } from '../../src/notifications/job-notifications.module.ts';
import { defineNotification, NotificationTypes } from '../../src/notifications/notification-types.ts';
import { de } from '../../src/notifications/notifications.de.ts';
import { NotificationsModule } from '../../src/notifications/notifications.module.ts';
import { NotificationsService } from '../../src/notifications/notifications.service.ts';
import { insertUnknownNotification, notify } from '../factories/notification.factory.ts';
import { TestApp } from '../support/app.ts';
import { bookmarkBroken } from '../support/bookmark-notifications.ts';
import { type SignedIn, signedIn } from '../support/client.ts';
import { EventSource } from '../support/event-source.ts';
import { codeBlocks, readGuide } from '../support/guide.ts';
import { until } from '../support/until.ts';

let app: TestApp;
let url: string;

beforeAll(async () => {
  app = await TestApp.start({
    settings: { API_DOCS: 'true' },
    modules: [NotificationsModule.forFeature([bookmarkBroken])],
  });
  url = await app.listen();
});

afterAll(() => app.stop());

const data = { bookmarkId: randomUUID(), title: 'News' };

const send = (type: typeof bookmarkBroken, userId: string, sent: object = data) =>
  app.db.transaction((tx) =>
    app.api.get(NotificationsService).notify(type, { userId, data: sent as typeof data }, tx),
  );

const texts = async (who: SignedIn) => {
  const { body } = await who.get('/v1/notifications');
  return body.data.map(({ title, body: text }: Record<string, string>) => [title, text]);
};

describe('the text of a notification', () => {
  const { title: germanTitle, body: germanBody } = de.jobCompleted('test');
  const german = [germanTitle, germanBody];

  it('is in the language of the user, also after a change and for older ones', async () => {
    const who = await signedIn(app);
    await notify(app, who.user.id);
    const before = await texts(who);

    await who.patch('/v1/users/me', { locale: 'de' });

    expect(before).toEqual([['Job completed', 'The job “test” has completed.']]);
    expect(await texts(who)).toEqual([german]);
  });

  it('is the same in the stream', async () => {
    const who = await signedIn(app);
    await who.patch('/v1/users/me', { locale: 'de' });
    const source = await EventSource.open(`${url}/v1/notifications/stream`, who.accessToken);

    await notify(app, who.user.id);

    const [streamed] = await until(
      () => source.of('notification').length > 0 && source.of('notification'),
      'it',
    );
    source.close();
    expect([streamed?.data.title, streamed?.data.body]).toEqual(german);
  });

  it('of a security alert is in the language of the user', async () => {
    const who = await signedIn(app);
    await who.patch('/v1/users/me', { locale: 'de' });

    await who.post('/v1/auth/change-password', {
      currentPassword: 'correct horse battery',
      newPassword: 'a different horse entirely',
    });

    const { title, body } = authTexts.alerts['password-changed'].notification;
    expect(await texts(who)).toEqual([[title, body]]);
  });
});

describe('the text of a failed job', () => {
  // cspell:disable
  const cases: [name: string, errorMessage: string | undefined, english: string, german: string][] = [
    [
      'ends with the error',
      'disk full',
      'The job “test” has failed: disk full',
      'Der Job „test“ ist fehlgeschlagen: disk full',
    ],
    [
      'is a sentence without an error',
      undefined,
      'The job “test” has failed.',
      'Der Job „test“ ist fehlgeschlagen.',
    ],
  ];
  // cspell:enable

  it.each(cases)('%s', (_name, errorMessage, english, german) => {
    const text = (locale: 'en' | 'de') =>
      jobFailedType.text({ jobId: '1', jobType: 'test', errorMessage }, locale);

    expect([text('en').body, text('de').body]).toEqual([english, german]);
  });
});

describe('a notification', () => {
  it('is not created when its type is not registered, and its change rolls back', async () => {
    const who = await signedIn(app);
    const other = defineNotification({ ...bookmarkBroken, name: 'not-registered' });

    const sent = send(other, who.user.id);

    await expect(sent).rejects.toThrow('not-registered is not registered');
    expect(await texts(who)).toEqual([]);
  });

  it('is not created when its data does not fit', async () => {
    const who = await signedIn(app);

    await expect(send(bookmarkBroken, who.user.id, { bookmarkId: '1' })).rejects.toThrow('bookmarkId');
    expect(await texts(who)).toEqual([]);
  });
});

describe('a notification of a type that this release does not know', () => {
  it('is shown with a general title and what is stored', async () => {
    const who = await signedIn(app);
    await insertUnknownNotification(app, who.user.id);

    const { body } = await who.get('/v1/notifications');

    expect(body.data[0]).toMatchObject({
      type: 'unknown',
      title: 'New notification',
      data: { type: 'from-a-newer-release', data: { newKey: [1] } },
    });
  });
});

describe('the API description', () => {
  it.each([
    ['Notification', NotificationTypes],
    ['AuditEvent', AuditEventTypes],
  ])('has a schema for each type of %s, and one for unknown types', async (id, registry) => {
    const { body } = await app.http().get('/openapi.json');

    const { oneOf, discriminator } = body.components.schemas[id];
    const names = [...app.api.get<NotificationTypes>(registry).keys(), 'unknown'].toSorted();
    expect(Object.keys(discriminator.mapping).toSorted()).toEqual(names);
    expect(oneOf).toHaveLength(names.length);
    for (const { $ref } of oneOf) {
      const { properties, required } = body.components.schemas[$ref.split('/').at(-1)];
      expect(properties.data.type).toBe('object');
      expect(required).toEqual(expect.arrayContaining(['type', 'data']));
    }
  });

  it('has the data of a type that a feature adds', async () => {
    const { body } = await app.http().get('/openapi.json');

    const { description, properties } = body.components.schemas.BookmarkBrokenNotification;
    expect(description).toBe(bookmarkBroken.summary);
    expect(properties.type.enum).toEqual(['bookmark-broken']);
    expect(properties.data.required).toEqual(['bookmarkId', 'title']);
  });
});

describe('the guide', () => {
  it('has the code that these tests run', async () => {
    const source = readFileSync(new URL('../support/bookmark-notifications.ts', import.meta.url), 'utf8');
    const parts = codeBlocks(readGuide('notify-users.md'), 'ts').flatMap((block) => block.split('\n\n'));
    const declarations = parts.filter((part) => part.startsWith('export const'));
    const who = await signedIn(app);

    await send(bookmarkBroken, who.user.id);

    expect(declarations).toHaveLength(4);
    for (const declaration of declarations) expect(source).toContain(declaration.trim());
    const stored = await app.db.query('SELECT type FROM notifications WHERE user_id = $1', [who.user.id]);
    expect(stored).toEqual([{ type: 'bookmark-broken' }]);
  });
});
