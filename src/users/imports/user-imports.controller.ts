import { Body, Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';
import { jobSchema, jobView } from '../../jobs/jobs.schemas.ts';
import {
  LimitReachedError,
  PayloadTooLargeError,
  UnsupportedMediaTypeError,
} from '../../platform/errors/platform.errors.ts';
import { Consumes, CSV } from '../../platform/http/consumes.decorator.ts';
import { item } from '../../platform/http/schemas.ts';
import type { RequestTransaction } from '../../platform/idempotency/idempotency.interceptor.ts';
import { hasIdempotencyKey, IdempotencyService } from '../../platform/idempotency/idempotency.service.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { CurrentUser, RequirePermission } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { ImportFileInvalidError } from '../users.errors.ts';
import { usersImport } from '../users.permissions.ts';
import { UserImportsService } from './user-imports.service.ts';

@Tag('Users')
@Controller({ path: 'users/imports', version: '1' })
export class UserImportsController {
  constructor(
    private readonly imports: UserImportsService,
    private readonly idempotency: IdempotencyService,
  ) {}

  @Post()
  @Endpoint({
    summary: 'Import accounts from a CSV file',
    description:
      'UTF-8, at most 50 MiB, with a header: `email,displayName` and optionally `role`. A job imports the lines. ' +
      'Its result is a report of the rejected lines. Imported lines stay, even if the job fails later.',
    status: 202,
    returns: item(jobSchema),
    examples: ['Queued import'],
    location: 'The path of the job.',
    errors: [ImportFileInvalidError, LimitReachedError, PayloadTooLargeError, UnsupportedMediaTypeError],
    idempotent: true,
  })
  @RequirePermission(usersImport)
  @Consumes(CSV, {
    'Two accounts': 'email,displayName\r\nada@example.com,Ada Lovelace\r\ngrace@example.com,Grace Hopper\r\n',
    'With roles': 'email,displayName,role\r\nada@example.com,Ada Lovelace,admin\r\n',
  })
  async importUsers(
    @Body() body: unknown,
    @CurrentUser() { userId }: Principal,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    if (!(body instanceof Readable)) throw new UnsupportedMediaTypeError();
    const file = await this.storeFile(body, request, reply);
    const start = async (tx?: RequestTransaction) => {
      const job = await this.imports.start(file, userId, tx);
      void reply.header('location', `/v1/jobs/${job.id}`);
      return { data: jobView(job) };
    };
    try {
      const isKeyed = hasIdempotencyKey(request);
      const response = isKeyed
        ? await this.idempotency.runOnce(request, reply, file.sha256, start)
        : await start();
      if (reply.hasHeader('idempotency-replayed')) await this.imports.removeFile(file);
      return response;
    } catch (error) {
      await this.imports.removeFile(file);
      throw error;
    }
  }

  private async storeFile(body: Readable, request: FastifyRequest, reply: FastifyReply) {
    const contentLength = request.headers['content-length'];
    try {
      return await this.imports.storeFile(body, contentLength ? Number(contentLength) : undefined);
    } catch (error) {
      // The rest of a rejected file is not read, so the connection can't be used again.
      if (!body.readableEnded) void reply.header('connection', 'close');
      throw error;
    }
  }
}
