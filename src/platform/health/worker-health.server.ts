import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { Config } from '../config/config.ts';
import { version } from '../config/version.ts';
import { QueueBackend } from '../queue/queue-backend.ts';
import { HealthService } from './health.service.ts';

/** After an outage, what a worker may take to ask for work again. */
const RECOVERY_MS = 60_000;

/**
 * Two answers need no framework: whether the worker turns, and whether it can reach what it works with. Neither holds
 * for a worker that asks for no work, however well its dependencies answer.
 */
@Injectable()
export class WorkerHealthServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('WorkerHealth');
  private server?: Server;
  private outageSeenAt = -Infinity;

  constructor(
    private readonly config: Config,
    private readonly health: HealthService,
    private readonly queues: QueueBackend,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.NODE_ENV === 'test') return;
    this.server = createServer((request, response) => void this.answer(request.url, response));
    // A taken port costs the health answers, not the work.
    this.server.on('error', (error) =>
      this.logger.warn({ msg: 'No health answers on METRICS_PORT', err: error }),
    );
    this.server.listen(this.config.METRICS_PORT);
  }

  onApplicationShutdown(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  private async answer(url: string | undefined, response: ServerResponse): Promise<void> {
    if (url !== '/health/live' && url !== '/health/ready') {
      return send(response, 404, { status: 404, code: 'NOT_FOUND' });
    }
    const isSilent = await this.isSilent();
    if (url === '/health/live') {
      return send(response, isSilent ? 503 : 200, { status: isSilent ? 'silent' : 'ok', version });
    }
    const readiness = await this.health.readiness();
    const isReady = readiness.status === 'ok' || readiness.status === 'degraded';
    send(response, isReady && !isSilent ? 200 : 503, readiness);
  }

  /** During an outage no worker gets an answer, and a restart would mend nothing: that speaks against none. */
  private async isSilent(): Promise<boolean> {
    const queues = this.queues.silentWorkers();
    if (queues.length === 0) return false;
    const { checks } = await this.health.readiness();
    if (checks.database === 'down' || checks.redis === 'down') this.outageSeenAt = performance.now();
    if (performance.now() - this.outageSeenAt < RECOVERY_MS) return false;
    this.logger.error({ msg: 'The worker asks for no work any more', queues });
    return true;
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(body));
}
