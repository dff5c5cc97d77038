import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { LOCALES, type Locale, type Translated } from '../i18n/locales.ts';

/** The data of the current request or job, available in all code that it runs. */
export interface RequestContext {
  correlationId: string;
  /** The W3C trace context of the caller, unchanged. */
  traceparent?: string;
  userId?: string;
  sessionId?: string;
  jobId?: string;
  ipAddress?: string;
  userAgent?: string;
  /** Negotiated from Accept-Language. Missing in a job. */
  locale?: Locale;
}

const storage = new AsyncLocalStorage<RequestContext>();

export const currentContext = (): RequestContext | undefined => storage.getStore();

export const runInContext = <T>(context: RequestContext, run: () => T): T => storage.run(context, run);

/** The texts in the language of the current request. */
export const translate = <Texts>(texts: Translated<Texts>): Texts =>
  texts[currentContext()?.locale ?? LOCALES[0]];

const CORRELATION_ID = /^[A-Za-z0-9._-]{1,128}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Uses the id of the caller only if its characters are safe in headers, logs and emails. */
export function correlationIdFrom(header: string | string[] | undefined): string {
  return typeof header === 'string' && CORRELATION_ID.test(header) ? header : randomUUID();
}

export function traceparentFrom(header: string | string[] | undefined): string | undefined {
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : undefined;
}
