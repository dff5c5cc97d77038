import type { Translated } from './locales.ts';
import { de } from './platform.de.ts';
import { en } from './platform.en.ts';

export const platformTexts: Translated<typeof en> = { en, de };
