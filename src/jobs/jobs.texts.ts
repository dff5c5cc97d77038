import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './jobs.de.ts';

export const en = {
  unknownType: 'There is no such job type.',
  expectedTypes: (types: string) => `Expected one of: ${types}.`,
};

export const jobsTexts: Translated<typeof en> = { en, de };
