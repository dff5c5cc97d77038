import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './files.de.ts';

export const en = {
  tooLarge: (max: number) => `The file may have at most ${max} bytes.`,
};

export const filesTexts: Translated<typeof en> = { en, de };
