import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './users.de.ts';
import { en } from './users.en.ts';

export const usersTexts: Translated<typeof en> = { en, de };
