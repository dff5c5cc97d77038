import { Injectable, Logger } from '@nestjs/common';
import type { Pool } from 'pg';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { Config } from '../config/config.ts';
import { product } from '../config/product.ts';

/** Seconds, from a fast response to the longest time that a request may take. */
export const DURATION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

const logger = new Logger('Metrics');

/**
 * The Prometheus metrics of this process, served on METRICS_PORT. A feature adds its own:
 * `new Counter({ name, help, labelNames, registers: [metrics.registry] })`. A label has few values, all known in
 * advance: never an id, a path or a text of a client.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();

  constructor(
    private readonly db: DataSource,
    config: Config,
  ) {
    // Timers and observers of the event loop, which tests don't need once per application.
    if (config.NODE_ENV !== 'test') collectDefaultMetrics({ register: this.registry });
    this.addBuild();
    this.addPool(config.DATABASE_POOL_MAX);
  }

  /** A gauge that is read when it is collected. If reading fails, it has no value, and others are still served. */
  gauge<Label extends string = never>(
    options: { name: string; help: string; labelNames?: Label[] },
    read: () => Promise<Reading<Label>[]> | Reading<Label>[],
  ): void {
    const gauge = new Gauge<string>({
      ...options,
      registers: [],
      async collect() {
        const readings = await Promise.resolve()
          .then(read)
          .catch(() => []);
        const numbers = readings.filter(({ value }) => typeof value === 'number');
        // For example a bigint, which the driver returns as text.
        if (numbers.length < readings.length)
          logger.error({ msg: 'A metric is not a number', metric: options.name });
        this.reset();
        // Without labels, a reset gauge is 0.
        if (!options.labelNames) this.remove();
        for (const { value, ...labels } of numbers) this.set(labels as Record<string, string>, value);
      },
    });
    this.registry.registerMetric(gauge);
  }

  private addBuild(): void {
    const labels = { version: product.version, node_version: process.version };
    this.gauge(
      {
        name: 'build_info',
        help: 'Always 1. The labels name the release.',
        labelNames: ['version', 'node_version'],
      },
      () => [{ ...labels, value: 1 }],
    );
  }

  private addPool(max: number): void {
    const pool = () => (this.db.driver as unknown as { master: Pool }).master;
    this.gauge(
      { name: 'db_pool_connections', help: 'Connections of the Postgres pool.', labelNames: ['state'] },
      () => [
        { state: 'idle', value: pool().idleCount },
        { state: 'used', value: pool().totalCount - pool().idleCount },
      ],
    );
    this.gauge({ name: 'db_pool_connections_max', help: 'DATABASE_POOL_MAX.' }, () => [{ value: max }]);
    this.gauge({ name: 'db_pool_waiting', help: 'Calls that wait for a connection of the pool.' }, () => [
      { value: pool().waitingCount },
    ]);
  }
}

type Reading<Label extends string> = { [Name in Label]: string } & { value: number };
