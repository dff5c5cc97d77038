import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './auth.de.ts';
import { en } from './auth.en.ts';

export const authTexts: Translated<typeof en> = { en, de };
