import {
  type BeforeApplicationShutdown,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { DataSource } from 'typeorm';
import { IntervalTask } from '../platform/process/interval-task.ts';

const HOUR_MS = 3_600_000;
const BATCH_ROWS = 5_000;

/**
 * Which rows are removed, by table. Sessions are kept for one more day, so that log entries can be resolved. Files are
 * kept while a job refers to them, and for one day before their job exists.
 */
const PURGES: Record<string, string> = {
  email_tokens: `expires_at < now()`,
  // Registered, but never verified. A valid link keeps the account.
  users: `email_verified_at IS NULL AND password_hash IS NOT NULL AND imported_by_job_id IS NULL
    AND created_at < now() - interval '7 days'
    AND NOT EXISTS (SELECT 1 FROM email_tokens WHERE user_id = users.id AND expires_at > now())`,
  oauth_attempts: `expires_at < now()`,
  oauth_codes: `expires_at < now()`,
  sign_in_throttles: `updated_at < now() - interval '1 day'`,
  rate_limits: `expire < (extract(epoch FROM now()) - 3600) * 1000`,
  sessions: `expires_at < now() - interval '1 day'`,
  mails: `created_at < now() - interval '90 days'`,
  webhook_deliveries: `created_at < now() - interval '30 days' AND (status <> 'pending'
    OR NOT EXISTS (SELECT 1 FROM jobs WHERE id = webhook_deliveries.job_id AND status IN ('queued', 'active')))`,
  inbound_webhooks: `received_at < now() - interval '30 days' AND (processed_at IS NOT NULL OR NOT EXISTS (
    SELECT 1 FROM jobs WHERE type = 'webhook-receive' AND input ->> 'webhookId' = inbound_webhooks.id::text))`,
  jobs: `finished_at < now() - interval '30 days'`,
  job_files: `created_at < now() - interval '1 day'
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE input_file_id = job_files.id OR result_file_id = job_files.id)`,
};

/** Removes expired rows. Runs in every worker and skips rows that another worker has locked. */
@Injectable()
export class PurgeService implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly logger = new Logger('Purge');
  private readonly task = new IntervalTask('Purge', () => this.purge(), HOUR_MS);

  constructor(private readonly db: DataSource) {}

  onApplicationBootstrap(): void {
    this.task.start();
  }

  /** Does not wait for the current batch, so that running jobs are released without delay. */
  onModuleDestroy(): void {
    void this.task.stop();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.task.stop();
  }

  /** Resolves to the number of removed rows by table. */
  async purge(): Promise<Record<string, number>> {
    const removed: Record<string, number> = {};
    for (const [table, isOld] of Object.entries(PURGES)) {
      if (this.task.isStopped) break;
      try {
        const rows = await this.purgeTable(table, isOld);
        if (rows > 0) removed[table] = rows;
      } catch (error) {
        // An error in one table must not stop the purge of the others.
        this.logger.error({ msg: 'A table could not be purged', table, err: error });
      }
    }
    if (Object.keys(removed).length > 0) this.logger.log({ msg: 'Old rows were removed', ...removed });
    return removed;
  }

  /** Deletes in batches with one transaction each, so that no lock is held for long. */
  private async purgeTable(table: string, isOld: string): Promise<number> {
    for (let total = 0; ;) {
      const [, rows] = await this.db.query<[unknown, number]>(
        `DELETE FROM ${table} WHERE ctid IN (
           SELECT ctid FROM ${table} WHERE ${isOld} LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED
         )`,
      );
      total += rows;
      if (rows < BATCH_ROWS || this.task.isStopped) return total;
    }
  }
}
