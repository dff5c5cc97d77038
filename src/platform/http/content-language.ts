import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Locale } from '../i18n/locales.ts';
import { contextOf } from './request-hooks.ts';

/** The language that the client asks for. */
export const localeOf = (request: FastifyRequest, fallback: Locale): Locale =>
  contextOf(request)?.locale ?? fallback;

/** For a response with translated texts: caches must not send it to a reader of another language. */
export function setContentLanguage(reply: FastifyReply, locale: Locale): void {
  const vary = reply.getHeader('vary');
  void reply
    .header('content-language', locale)
    .header('vary', vary ? `${String(vary)}, Accept-Language` : 'Accept-Language');
}
