import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { IntervalTask } from '../../platform/process/interval-task.ts';
import { EncryptionService } from '../../platform/security/encryption.service.ts';
import { type EncryptedSecrets, WebhookSecrets } from './webhook-secrets.service.ts';

const PAUSE_MS = 10 * 60_000;
const BATCH_ROWS = 100;
/** Sorts before every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** After a change of SECRET_KEYS: encrypts what lies under an older key with the newest, so that the older one may go. */
@Injectable()
export class WebhookSecretsRenewal implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('WebhookSecretsRenewal');
  private readonly rounds = new IntervalTask('WebhookSecretsRenewal', () => this.renew(), PAUSE_MS);

  constructor(
    private readonly db: DataSource,
    private readonly secrets: WebhookSecrets,
    private readonly encryption: EncryptionService,
  ) {}

  onApplicationBootstrap(): void {
    this.rounds.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.rounds.stop();
  }

  async renew(): Promise<void> {
    const counts = { renewed: 0, unreadable: 0 };
    for (let last: string | undefined = FIRST_ID; last !== undefined && !this.rounds.isStopped;) {
      const after: string = last;
      last = await this.db.transaction((tx) => this.renewBatch(after, counts, tx));
    }
    if (counts.renewed > 0)
      this.logger.log({ msg: 'Secrets of webhooks are under the newest key now', ...counts });
    if (counts.unreadable > 0)
      this.logger.error({ msg: 'No key of SECRET_KEYS reads the secrets of some webhooks', ...counts });
  }

  /** Resolves to where the next batch begins, if there is one. */
  private async renewBatch(
    after: string,
    counts: { renewed: number; unreadable: number },
    tx: EntityManager,
  ): Promise<string | undefined> {
    const rows = await tx.query<EncryptedSecrets[]>(
      `SELECT id, secret, previous_secret AS "previousSecret" FROM webhook_endpoints
       WHERE id > $1 AND NOT (starts_with(secret, $2) AND starts_with(coalesce(previous_secret, $2), $2))
       ORDER BY id LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED`,
      [after, this.encryption.newestKeyPrefix],
    );
    for (const row of rows) {
      const renewed = this.secrets.renewed(row);
      if (renewed) {
        await tx.query(`UPDATE webhook_endpoints SET secret = $2, previous_secret = $3 WHERE id = $1`, [
          row.id,
          renewed.secret,
          renewed.previousSecret,
        ]);
        counts.renewed += 1;
      } else counts.unreadable += 1;
    }
    return rows.length === BATCH_ROWS ? rows.at(-1)?.id : undefined;
  }
}
