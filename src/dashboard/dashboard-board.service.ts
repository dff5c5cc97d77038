import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import type { BeforeHookResult, HookContext } from '@bull-board/api/dist/types.js';
import { FastifyAdapter } from '@bull-board/fastify';
import { Injectable, Logger } from '@nestjs/common';
import type { JobType, Queue } from 'bullmq';
import type { FastifyPluginCallback } from 'fastify';
import { JobTypes } from '../jobs/job-definition.ts';
import { JobQueuesService } from '../jobs/job-queues.service.ts';
import { QueueBackend } from '../platform/queue/queue-backend.ts';

/** The allowed actions change only when jobs run. The jobs table decides which jobs exist and how they ended. */
const ACTIONS = [
  '/api/queues/pause',
  '/api/queues/resume',
  '/api/queues/:queueName/pause',
  '/api/queues/:queueName/resume',
  '/api/queues/:queueName/promote',
  '/api/queues/:queueName/:jobId/promote',
];

/** A paused queue on PostgreSQL counts waiting jobs as `paused`, which bull-board doesn't show. On Redis this count is 0. */
class BoardQueue extends BullMQAdapter {
  constructor(
    private readonly counted: Queue,
    private readonly jobQueues: JobQueuesService,
  ) {
    super(counted);
  }

  /** Pauses are stored in Postgres. The workers would undo one that only BullMQ knows. */
  override async pause(): Promise<void> {
    await this.jobQueues.pause(this.counted.name);
  }

  override async resume(): Promise<void> {
    await this.jobQueues.resume(this.counted.name);
  }

  override isPaused(): Promise<boolean> {
    return this.jobQueues.isPaused(this.counted.name);
  }

  override async getJobCounts(): ReturnType<BullMQAdapter['getJobCounts']> {
    const [counts, { paused = 0 }] = await Promise.all([
      super.getJobCounts(),
      this.counted.getJobCounts('paused' as JobType),
    ]);
    return { ...counts, waiting: (counts.waiting ?? 0) + paused };
  }
}

/** bull-board with one queue per job type. DashboardModule authenticates its requests. */
@Injectable()
export class DashboardBoard {
  private readonly logger = new Logger('Dashboard');

  constructor(
    private readonly queues: QueueBackend,
    private readonly types: JobTypes,
    private readonly jobQueues: JobQueuesService,
  ) {}

  /** The routes and files of the board below the path. */
  plugin(basePath: string, signOutPath: string): FastifyPluginCallback {
    const adapter = new FastifyAdapter();
    adapter.setBasePath(basePath);
    const board = createBullBoard({
      queues: [],
      serverAdapter: adapter,
      options: {
        uiConfig: {
          boardTitle: 'Queues',
          hideDocsLink: true,
          // The details describe the server, not the queues, and their icon needs inline styles.
          hideRedisDetails: true,
          sortQueues: true,
          miscLinks: [{ text: 'Sign out', url: signOutPath }],
        },
        handlerHooks: { before: (request) => this.checkAction(request) },
      },
    });
    const plugin = adapter.registerPlugin();
    return (scope, options, done) => {
      scope.addHook('preHandler', (_request, _reply, next) => {
        // On each request, because QueueBackend replaces a queue that was created during an outage.
        board.setQueues(
          this.types.keys().map((type) => new BoardQueue(this.queues.queue(type), this.jobQueues)),
        );
        next();
      });
      plugin(scope, options, done);
    };
  }

  private checkAction({ method, route, request }: HookContext): BeforeHookResult {
    if (method === 'get') return undefined;
    if (!ACTIONS.includes(route)) {
      return { allow: false, status: 403, message: 'Change jobs through the API: see /v1/jobs.' };
    }
    const { queueName, jobId } = request.params as { queueName?: string; jobId?: string };
    this.logger.log({ msg: 'Dashboard action', action: route.split('/').at(-1), queueName, jobId });
    return undefined;
  }
}
