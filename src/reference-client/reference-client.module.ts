import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { readFileSync } from 'node:fs';
import { FilesModule } from '../files/files.module.ts';
import { FilesService } from '../files/files.service.ts';
import { Config } from '../platform/config/config.ts';
import { localeOf, setContentLanguage } from '../platform/http/content-language.ts';
import type { Locale } from '../platform/i18n/locales.ts';
import { builtPageFile, servePageFile } from '../platform/security/page-files.ts';
import { referenceClientTexts } from './reference-client.texts.ts';

const PATH = '/reference-client/';
/** Code of this origin only, no inline code, and no HTML from strings. Images and requests may use `origins` too. */
const policyFor = (...origins: string[]): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    ["img-src 'self' data:", ...origins].join(' '),
    ["connect-src 'self'", ...origins].join(' '),
    "form-action 'none'",
    "frame-ancestors 'none'",
    "base-uri 'none'",
    "require-trusted-types-for 'script'",
  ].join(';');

/** The paths of links in mails, for an API without another frontend. */
const MAILED_LINKS = ['/verify-email', '/reset-password', '/confirm-email-change'];

/**
 * A browser client that shows how a frontend uses the API, with the client in `clients/typescript`. Off in production, unless
 * REFERENCE_CLIENT is set.
 */
@Module({ imports: [FilesModule] })
export class ReferenceClientModule implements OnModuleInit {
  constructor(
    private readonly config: Config,
    private readonly adapterHost: HttpAdapterHost,
    private readonly files: FilesService,
  ) {}

  onModuleInit(): void {
    if (!this.config.REFERENCE_CLIENT) return;
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    const hasOtherFrontend = this.config.FRONTEND_URL !== this.config.PUBLIC_URL;
    const pages = [PATH, `${PATH}index.html`, ...(hasOtherFrontend ? [] : MAILED_LINKS)];
    const origins: string[] = [this.files.storageOrigin];
    const policy = policyFor(...origins);
    const html = readFileSync(builtPageFile('reference-client', 'index.html'), 'utf8');
    for (const path of pages)
      fastify.get(path, (request, reply) => {
        const locale = localeOf(request, this.config.DEFAULT_LOCALE);
        setContentLanguage(reply, locale);
        void reply.header('content-security-policy', policy);
        return reply.type('text/html; charset=utf-8').send(translatePage(html, locale));
      });
    for (const name of ['page.js', 'page.css']) {
      servePageFile(fastify, `${PATH}${name}`, builtPageFile('reference-client', name), policy);
    }
    fastify.get(PATH.slice(0, -1), (_request, reply) => reply.redirect(PATH));
  }
}

/** Replaces `{name}` in the page with our own texts, which contain no markup. */
function translatePage(html: string, locale: Locale): string {
  const { title, introduction, needsScript } = referenceClientTexts[locale];
  const values: Record<string, string> = { locale, title, introduction, needsScript };
  return html.replace(/\{(\w+)\}/g, (_, name: string) => values[name] ?? '');
}
