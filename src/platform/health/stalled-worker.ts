import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { Config } from '../config/config.ts';
import { QueueBackend } from '../queue/queue-backend.ts';
import { HealthService } from './health.service.ts';

/** How long a worker may take to poll again after an outage. */
const RECOVERY_MS = 60_000;
const CHECK_MS = 5_000;

/**
 * Finds a worker that no longer polls its queues although its dependencies are up, and ends its process after
 * WORKER_STALL_EXIT_SECONDS, so that the platform starts it again. During an outage and shortly after it, no worker can
 * poll: a restart doesn't help, so it counts as healthy.
 */
@Injectable()
export class StalledWorker implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('StalledWorker');
  private outageSeenAt = -Infinity;
  private stalledSince: number | undefined;
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly config: Config,
    private readonly health: HealthService,
    private readonly queues: QueueBackend,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.NODE_ENV === 'test') return;
    this.timer = setInterval(() => void this.check(), CHECK_MS).unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  async isStalled(): Promise<boolean> {
    const queues = this.queues.stalledWorkers();
    if (queues.length === 0 || (await this.isOutage())) {
      this.stalledSince = undefined;
      return false;
    }
    if (this.stalledSince === undefined) {
      this.stalledSince = performance.now();
      this.logger.error({ msg: 'Worker stalled: it no longer polls its queues', queues });
    }
    return true;
  }

  private async isOutage(): Promise<boolean> {
    const { checks } = await this.health.readiness();
    if (checks.database === 'down' || checks.redis === 'down') this.outageSeenAt = performance.now();
    return performance.now() - this.outageSeenAt < RECOVERY_MS;
  }

  /** Never rejects: an unhandled rejection would end the process. */
  private async check(): Promise<void> {
    await this.exitIfTooLong().catch((error: unknown) => {
      this.logger.warn({ msg: 'The check for a stalled worker failed: checking again in 5 s', err: error });
    });
  }

  private async exitIfTooLong(): Promise<void> {
    if (!(await this.isStalled()) || this.stalledSince === undefined) return;
    const seconds = (performance.now() - this.stalledSince) / 1_000;
    // The shutdown has its own deadline.
    if (seconds < this.config.WORKER_STALL_EXIT_SECONDS || this.health.isDraining) return;
    this.logger.fatal({ msg: 'Worker stalled for too long: exiting', seconds: Math.round(seconds) });
    process.exit(1);
  }
}
