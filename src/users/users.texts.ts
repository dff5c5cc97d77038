import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './users.de.ts';

export const en = {
  emptyFile: 'The file is empty.',
  notUtf8: 'The file is not UTF-8.',
  wrongHeader: (line: string) =>
    `The first line must be email,displayName or email,displayName,role, separated by commas. It is ${line}.`,
};

export const usersTexts: Translated<typeof en> = { en, de };
