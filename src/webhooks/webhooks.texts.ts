import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './webhooks.de.ts';
import { en } from './webhooks.en.ts';

export const webhooksTexts: Translated<typeof en> = { en, de };
