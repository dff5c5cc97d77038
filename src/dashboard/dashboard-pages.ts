import type { FastifyInstance, FastifyReply } from 'fastify';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const DIR = join(import.meta.dirname, 'static');
const HTML = 'text/html; charset=utf-8';

/** Only files of this origin, no inline code, and no HTML from strings. */
const SIGN_IN_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  'img-src data:',
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "require-trusted-types-for 'script'",
].join(';');

/** bull-board also needs images and a base URI. */
export const BOARD_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'self'",
].join(';');

const signInPage = readFileSync(join(DIR, 'sign-in.html'));

export function sendSignInPage(reply: FastifyReply): FastifyReply {
  return reply.type(HTML).header('content-security-policy', SIGN_IN_POLICY).send(signInPage);
}

/** The sign-in page, for anonymous callers. */
export function serveSignInPage(fastify: FastifyInstance, basePath: string, signOutPath: string): void {
  serve(fastify, `${basePath}/sign-in.css`, 'text/css; charset=utf-8');
  serve(fastify, `${basePath}/sign-in.js`, 'text/javascript; charset=utf-8');
  fastify.get(signOutPath, (_request, reply) => sendSignInPage(reply));
}

function serve(fastify: FastifyInstance, path: string, type: string): void {
  const content = readFileSync(join(DIR, path.split('/').at(-1)!));
  fastify.get(path, (_request, reply) => reply.type(type).send(content));
}

/** Removes third-party fonts and the inline styles of the loading screen. */
export const sanitizeBoardPage = (html: string): string =>
  html
    .replace(/<link href="https:[^>]*>/g, '')
    .replace(/(<div id="root">)[\s\S]*?(<\/div>\s*<script defer)/, '$1$2');
