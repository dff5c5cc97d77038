import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { Config } from '../config/config.ts';
import { version } from '../config/version.ts';
import { HealthService } from './health.service.ts';

/** Two answers need no framework: whether the worker turns, and whether it can reach what it works with. */
@Injectable()
export class WorkerHealthServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('WorkerHealth');
  private server?: Server;

  constructor(
    private readonly config: Config,
    private readonly health: HealthService,
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
    if (url === '/health/live') return send(response, 200, { status: 'ok', version });
    if (url !== '/health/ready') return send(response, 404, { status: 404, code: 'NOT_FOUND' });
    const readiness = await this.health.readiness();
    const isReady = readiness.status === 'ok' || readiness.status === 'degraded';
    send(response, isReady ? 200 : 503, readiness);
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(body));
}
