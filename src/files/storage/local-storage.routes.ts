import { Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { RateLimiter } from '../../platform/security/rate-limiter.service.ts';
import { FileUrlInvalidError } from '../files.errors.ts';
import { LOCAL_FILES_PATH, type LocalGrant, LocalStorage } from './local-storage.ts';
import { Storage } from './storage.ts';

/**
 * The URLs of files on the local disk. Registered without a controller, because they are not part of the API: in production
 * the bucket has these URLs.
 */
@Injectable()
export class LocalStorageRoutes implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly storage: Storage,
    private readonly limiter: RateLimiter,
  ) {}

  onModuleInit(): void {
    const { storage } = this;
    if (!(storage instanceof LocalStorage)) return;
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    void fastify.register(
      (scope, _options, done) => {
        scope.removeAllContentTypeParsers();
        // Not parsed: the handler streams it to the disk.
        scope.addContentTypeParser('*', (_request: FastifyRequest, payload: Readable, parsed) =>
          parsed(null, payload),
        );
        scope.addHook('onRequest', (request, reply) =>
          this.limiter.count('default', { ip: request.ip }, reply),
        );
        scope.put('/*', (request, reply) => receive(storage, request, reply));
        scope.get('/*', (request, reply) => send(storage, request, reply));
        done();
      },
      { prefix: LOCAL_FILES_PATH },
    );
  }
}

async function receive(storage: LocalStorage, request: FastifyRequest, reply: FastifyReply) {
  const { key, size = 0, type } = grantOf(storage, 'PUT', request);
  const { 'content-length': length, 'content-type': contentType } = request.headers;
  const isDeclared = Number(length) === size && contentType === type;
  // An empty body has no content type and no stream.
  if (!isDeclared || !request.body || !(await storage.write(key, request.body as Readable, size))) {
    void reply.header('connection', 'close');
    throw new FileUrlInvalidError();
  }
  return reply.code(200).send();
}

async function send(storage: LocalStorage, request: FastifyRequest, reply: FastifyReply) {
  const { key, type, disposition = 'attachment', expires } = grantOf(storage, 'GET', request);
  const bytes = await storage.read(key);
  if (!bytes) throw new NotFoundError();
  return (
    reply
      .header('content-type', type)
      .header('content-disposition', disposition)
      .header('x-content-type-options', 'nosniff')
      // The browser runs no script of the file, even if it assumes another type.
      .header('content-security-policy', "default-src 'none'; sandbox")
      // Pages of other origins may show the image.
      .header('cross-origin-resource-policy', 'cross-origin')
      .header('cache-control', `private, max-age=${Math.floor((expires - Date.now()) / 1_000)}`)
      .send(bytes)
  );
}

function grantOf(storage: LocalStorage, method: 'GET' | 'PUT', request: FastifyRequest): LocalGrant {
  const { '*': key } = request.params as { '*': string };
  const grant = storage.verify(method, key, request.query as Record<string, unknown>);
  if (!grant) throw new FileUrlInvalidError();
  return grant;
}
