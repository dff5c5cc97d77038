import { Controller, Get, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { product } from '../config/product.ts';
import { UnavailableError } from '../errors/platform.errors.ts';
import { Endpoint } from '../openapi/endpoint.decorator.ts';
import { examples } from '../openapi/examples.ts';
import { Tag } from '../openapi/tag.decorator.ts';
import { Public } from '../security/access.decorators.ts';
import { HealthService } from './health.service.ts';

const liveSchema = z
  .object({ status: z.literal('ok'), version: z.string() })
  .meta({ id: 'Liveness' })
  .register(examples, { Alive: { status: 'ok', version: '1.0.0' } });
const readySchema = z
  .object({
    status: z.enum(['ok', 'degraded', 'unavailable', 'draining']),
    checks: z.object({
      database: z.enum(['up', 'down']),
      migrations: z.enum(['current', 'pending', 'unknown']),
      redis: z.enum(['up', 'down', 'unused', 'unknown']),
      clock: z.literal('skewed').optional(),
      queue: z.literal('down').optional(),
    }),
    code: z.literal('MIGRATIONS_PENDING').optional(),
    pendingMigrations: z.array(z.string().max(200)).max(10_000).optional(),
    pausedQueues: z
      .array(z.string())
      .optional()
      .describe('Job types whose jobs wait, because an administrator has paused their queue.'),
  })
  .meta({ id: 'Readiness' })
  .register(examples, {
    Ready: { status: 'ok', checks: { database: 'up', migrations: 'current', redis: 'up' } },
    'Without a database': {
      status: 'unavailable',
      checks: { database: 'down', migrations: 'unknown', redis: 'up' },
    },
    'Pending migrations': {
      status: 'unavailable',
      checks: { database: 'up', migrations: 'pending', redis: 'up' },
      code: 'MIGRATIONS_PENDING',
      pendingMigrations: ['CreateNotifications1764000100000'],
    },
    'Paused queues': {
      status: 'ok',
      checks: { database: 'up', migrations: 'current', redis: 'up' },
      pausedQueues: ['mail-send'],
    },
    'Without Redis': { status: 'degraded', checks: { database: 'up', migrations: 'current', redis: 'down' } },
  });

@Tag('System')
@Controller('health')
export class HealthController {
  constructor(private readonly health: HealthService) {}

  @Get('live')
  @Endpoint({
    summary: 'Check liveness',
    description: 'Checks only the process, not its dependencies. If it fails, restart the process.',
    returns: liveSchema,
    impossibleErrors: [UnavailableError],
  })
  @Public()
  checkLiveness() {
    return { status: 'ok', version: product.version };
  }

  @Get('ready')
  @Endpoint({
    summary: 'Check readiness',
    description:
      '200 if the process can take requests, otherwise 503 with the same body: a dependency is down, or the process is shutting down. ' +
      '`degraded` still takes requests.',
    returns: readySchema,
    examples: ['Ready', 'Paused queues', 'Without Redis'],
    otherResponses: {
      503: {
        description: 'The process can’t take requests.',
        returns: readySchema,
        examples: ['Without a database', 'Pending migrations'],
      },
    },
  })
  @Public()
  async checkReadiness(@Res({ passthrough: true }) reply: FastifyReply) {
    const readiness = await this.health.readiness();
    if (readiness.status === 'unavailable' || readiness.status === 'draining') void reply.code(503);
    return readiness;
  }
}
