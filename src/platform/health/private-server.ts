import { Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { Config } from '../config/config.ts';
import { product } from '../config/product.ts';
import { Metrics } from '../metrics/metrics.service.ts';
import { HealthService } from './health.service.ts';
import { StalledWorker } from './stalled-worker.ts';

/**
 * Serves METRICS_PORT: metrics, liveness and readiness of this process, without a framework. Not for the public, so it has
 * no sign-in. A worker that has stopped polling the queue is neither live nor ready, even if its dependencies respond.
 */
@Injectable()
export class PrivateServer implements OnApplicationBootstrap, OnApplicationShutdown {
  private readonly logger = new Logger('PrivateServer');
  private server?: Server;

  constructor(
    private readonly config: Config,
    private readonly health: HealthService,
    private readonly stalledWorker: StalledWorker,
    private readonly metrics: Metrics,
  ) {}

  onApplicationBootstrap(): void {
    if (this.config.NODE_ENV === 'test') return;
    this.server = createServer((request, response) => {
      this.respond(request.url, response).catch((error: unknown) => {
        this.logger.error({ msg: 'A request on METRICS_PORT failed', err: error });
        response.destroy();
      });
    });
    // Without the port there are no metrics, but requests and jobs still run.
    this.server.on('error', (error) =>
      this.logger.warn({ msg: 'Metrics and health checks cannot be served on METRICS_PORT', err: error }),
    );
    this.server.listen(this.config.METRICS_PORT);
  }

  onApplicationShutdown(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  private async respond(url: string | undefined, response: ServerResponse): Promise<void> {
    if (url === '/metrics') return this.sendMetrics(response);
    if (url !== '/health/live' && url !== '/health/ready') {
      return send(response, 404, { status: 404, code: 'NOT_FOUND' });
    }
    const isStalled = await this.stalledWorker.isStalled();
    if (url === '/health/live') {
      return send(response, isStalled ? 503 : 200, {
        status: isStalled ? 'stalled' : 'ok',
        version: product.version,
      });
    }
    const readiness = await this.health.readiness();
    const isReady = readiness.status === 'ok' || readiness.status === 'degraded';
    send(response, isReady && !isStalled ? 200 : 503, readiness);
  }

  private async sendMetrics(response: ServerResponse): Promise<void> {
    const { registry } = this.metrics;
    const body = await registry.metrics();
    response.writeHead(200, { 'content-type': registry.contentType, 'cache-control': 'no-store' }).end(body);
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'cache-control': 'no-store',
  });
  response.end(JSON.stringify(body));
}
