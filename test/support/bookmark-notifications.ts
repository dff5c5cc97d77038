import { z } from 'zod';
import { defineNotification, type NotificationText } from '../../src/notifications/notification-types.ts';
import type { Translated } from '../../src/platform/i18n/locales.ts';

// The code of docs/guides/notify-users.md, in one file. A test compares them.

// cspell:disable
export const de: typeof en = {
  broken: (title) => ({
    title: 'Ein Lesezeichen ist defekt',
    body: `Die Seite von „${title}“ wurde nicht gefunden.`,
  }),
};
// cspell:enable

export const en = {
  broken: (title: string): NotificationText => ({
    title: 'A bookmark is broken',
    body: `The page of “${title}” was not found.`,
  }),
};

export const bookmarksTexts: Translated<typeof en> = { en, de };

export const bookmarkBroken = defineNotification({
  name: 'bookmark-broken',
  summary: 'The page of a bookmark was not found.',
  data: z.object({ bookmarkId: z.guid(), title: z.string().max(100) }),
  text: ({ title }, locale) => bookmarksTexts[locale].broken(title),
});
