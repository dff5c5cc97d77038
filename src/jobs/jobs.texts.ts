import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './jobs.de.ts';
import { en } from './jobs.en.ts';

export const jobsTexts: Translated<typeof en> = { en, de };
