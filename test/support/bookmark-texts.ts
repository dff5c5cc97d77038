import type { Translated } from '../../src/platform/i18n/locales.ts';

// The texts of docs/guides/add-a-language.md, in one file. A test compares them.

// cspell:disable
export const de: typeof en = {
  tooMany: (max) => `Höchstens ${new Intl.NumberFormat('de').format(max)} Lesezeichen pro Benutzer.`,
};

export const problems = {
  BOOKMARK_BROKEN: {
    title: 'Lesezeichen defekt',
    detail: 'Die Seite antwortet nicht mehr. Ändern Sie die URL.',
  },
};
// cspell:enable

export const en = {
  tooMany: (max: number) => `At most ${new Intl.NumberFormat('en').format(max)} bookmarks per user.`,
};

export const bookmarksTexts: Translated<typeof en> = { en, de };
