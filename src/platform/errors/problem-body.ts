import type { Locale } from '../i18n/locales.ts';
import { platformTexts } from '../i18n/platform.texts.ts';
import type { AppError } from './app-error.ts';

export interface Occurrence {
  publicUrl: string;
  /** The requested URL. Its query is omitted, because it may contain secrets. */
  url: string;
  correlationId: string;
  locale: Locale;
}

/** Keeps a response from becoming much larger than its request. */
const DETAILS_MAX = 50;

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** The problem document (RFC 9457) of one error, as text. */
export function problemBody(error: AppError, { publicUrl, url, correlationId, locale }: Occurrence): string {
  const { problem, extras } = error;
  const { code, status } = problem;
  const { title, detail } = error.textIn(locale);
  const omitted = (extras.details?.length ?? 0) - DETAILS_MAX;
  return JSON.stringify({
    type: `${publicUrl}/problems/${code}`,
    title,
    status,
    code,
    detail: [detail, omitted > 0 && platformTexts[locale].moreFields(omitted)].filter(Boolean).join(' '),
    instance: url.split('?')[0],
    correlationId,
    details: extras.details?.slice(0, DETAILS_MAX),
  });
}
