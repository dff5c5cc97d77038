import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import {
  MalformedJsonError,
  PayloadTooLargeError,
  UnsupportedMediaTypeError,
} from '../errors/platform.errors.ts';
import { localize } from '../i18n/locales.ts';
import { platformTexts } from '../i18n/platform.texts.ts';
import { CSV, FORM, type BodyConfig } from './consumes.decorator.ts';

const FORM_MAX_BYTES = 32 * 1024;

const DEPTH_MAX = 20;
const NODES_MAX = 10_000;

/** JSON on all routes. Other media types only on routes with `@Consumes`. */
export function addBodyParsers(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    const { rawMaxBytes } = (route.config ?? {}) as BodyConfig;
    if (rawMaxBytes !== undefined) route.bodyLimit = rawMaxBytes;
  });
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    done(encodingError(request), payload);
  });
  fastify.removeAllContentTypeParsers();
  for (const type of ['application/json', 'application/merge-patch+json']) {
    fastify.addContentTypeParser(type, { parseAs: 'buffer' }, (request: FastifyRequest, body, done) => {
      try {
        rejectUnlessConsumed('application/json', request);
        const { rawMaxBytes } = request.routeOptions.config as BodyConfig;
        done(null, rawMaxBytes === undefined ? parseJson(body as Buffer) : body);
      } catch (error) {
        done(error as Error);
      }
    });
  }
  // Not parsed: the handler streams it.
  fastify.addContentTypeParser(CSV, async (request: FastifyRequest, payload: Readable) => {
    rejectUnlessConsumed(CSV, request);
    return payload;
  });
  fastify.addContentTypeParser(FORM, parseForm);
}

/** A small compressed body can become a huge one, so bodies are never decompressed. */
function encodingError({ headers }: FastifyRequest): Error | null {
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding === 'identity') return null;
  return new UnsupportedMediaTypeError({
    detail: localize(platformTexts, (texts) => texts.compressedBody),
    headers: { 'accept-encoding': 'identity' },
  });
}

function rejectUnlessConsumed(mediaType: string, { routeOptions }: FastifyRequest): void {
  const { consumes = 'application/json' } = routeOptions.config as BodyConfig;
  if (consumes === mediaType) return;
  throw new UnsupportedMediaTypeError({
    detail: localize(platformTexts, (texts) => texts.wrongMediaType(mediaType, consumes)),
  });
}

/** A repeated field becomes an array. */
async function parseForm(request: FastifyRequest, payload: Readable): Promise<object> {
  rejectUnlessConsumed(FORM, request);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of payload as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > FORM_MAX_BYTES) throw new PayloadTooLargeError();
    chunks.push(chunk);
  }
  const form = new URLSearchParams(Buffer.concat(chunks).toString());
  const fields = [...new Set(form.keys())].map((name) => [name, form.getAll(name)] as const);
  return Object.fromEntries(fields.map(([name, values]) => [name, values.length > 1 ? values : values[0]]));
}

/** `ignoreBOM` keeps a byte order mark, which JSON.parse rejects (RFC 8259, section 8.1). */
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** An empty body counts as no body, because many clients send the Content-Type with every POST. */
function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch {
    throw new MalformedJsonError();
  }
  checkSize(value);
  return value;
}

/** Limits depth and size, so that a malicious document can't slow down later steps. Without recursion. */
function checkSize(root: unknown): void {
  let level: unknown[] = [root];
  let nodes = 0;
  for (let depth = 0; level.length > 0; depth += 1) {
    nodes += level.length;
    if (depth > DEPTH_MAX)
      throw new MalformedJsonError({ detail: localize(platformTexts, (texts) => texts.tooDeep(DEPTH_MAX)) });
    if (nodes > NODES_MAX)
      throw new MalformedJsonError({
        detail: localize(platformTexts, (texts) => texts.tooManyValues(NODES_MAX)),
      });
    level = level.flatMap(childrenOf);
  }
}

function childrenOf(value: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  // When the object is copied, this key would set the prototype of the copy.
  if (Object.hasOwn(value, '__proto__'))
    throw new MalformedJsonError({ detail: localize(platformTexts, (texts) => texts.protoKey) });
  return Object.values(value);
}
