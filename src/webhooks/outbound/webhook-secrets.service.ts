import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { IntervalTask } from '../../platform/process/interval-task.ts';
import { EncryptionService } from '../../platform/security/encryption.service.ts';
import { secretFrom } from '../standard-signature.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';

const SECRET_BYTES = 32;

type EncryptedSecrets = Pick<WebhookEndpoint, 'id' | 'secret' | 'previousSecret'>;
type StoredSecrets = EncryptedSecrets & Pick<WebhookEndpoint, 'previousSecretExpiresAt'>;

/** Signing secrets of endpoints. Encrypted in the database; each ciphertext is bound to its endpoint. */
@Injectable()
export class WebhookSecrets {
  constructor(private readonly encryption: EncryptionService) {}

  generate(endpointId: string): { secret: string; encrypted: string } {
    const secret = secretFrom(randomBytes(SECRET_BYTES));
    return { secret, encrypted: this.encryption.encrypt(contextOf(endpointId), secret) };
  }

  /**
   * The secrets to sign with, newest first: two for a day after a rotation. Throws if no key decrypts the newest. Omits
   * a previous one that no key decrypts, so that a rotation repairs an endpoint whose key was removed.
   */
  activeOf({ id, secret, previousSecret, previousSecretExpiresAt }: StoredSecrets): string[] {
    const previous =
      previousSecret && isInFuture(previousSecretExpiresAt) ? this.tryDecrypt(id, previousSecret) : null;
    return [this.encryption.decrypt(contextOf(id), secret), ...(previous ? [previous] : [])];
  }

  /** The new secret while the previous one still signs too. Null otherwise, or if no key decrypts it. */
  pendingOf({ id, secret, previousSecretExpiresAt }: StoredSecrets): string | null {
    return isInFuture(previousSecretExpiresAt) ? this.tryDecrypt(id, secret) : null;
  }

  /** Encrypts with the newest key. Drops a previous secret that no key decrypts. Null if no key decrypts the secret. */
  reencrypt({ id, secret, previousSecret }: EncryptedSecrets): EncryptedSecrets | null {
    const plain = this.tryDecrypt(id, secret);
    if (plain === null) return null;
    const previous = previousSecret && this.tryDecrypt(id, previousSecret);
    const encrypt = (text: string) => this.encryption.encrypt(contextOf(id), text);
    return { id, secret: encrypt(plain), previousSecret: previous ? encrypt(previous) : null };
  }

  private tryDecrypt(id: string, encrypted: string): string | null {
    try {
      return this.encryption.decrypt(contextOf(id), encrypted);
    } catch {
      return null;
    }
  }
}

const contextOf = (endpointId: string): string => `webhook_endpoints.secret:${endpointId}`;

const isInFuture = (time: Date | null): boolean => time !== null && time > new Date();

const INTERVAL_MS = 10 * 60_000;
const BATCH_ROWS = 100;
/** Sorts before every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';

/** After a change of SECRET_KEYS, encrypts all secrets with the newest key, so that the old key can be removed. */
@Injectable()
export class WebhookSecretsRenewal implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('WebhookSecretsRenewal');
  private readonly task = new IntervalTask('WebhookSecretsRenewal', () => this.renew(), INTERVAL_MS);

  constructor(
    private readonly db: DataSource,
    private readonly secrets: WebhookSecrets,
    private readonly encryption: EncryptionService,
  ) {}

  onApplicationBootstrap(): void {
    this.task.start();
  }

  onModuleDestroy(): Promise<void> {
    return this.task.stop();
  }

  async renew(): Promise<void> {
    const counts = { renewed: 0, unreadable: 0 };
    for (let last: string | undefined = FIRST_ID; last !== undefined && !this.task.isStopped;) {
      const after: string = last;
      const batch = await this.db.transaction((tx) => this.renewBatch(after, tx));
      // After the commit, because a transaction may run more than once.
      counts.renewed += batch.renewed;
      counts.unreadable += batch.unreadable;
      last = batch.last;
    }
    if (counts.renewed > 0)
      this.logger.log({ msg: 'Webhook secrets encrypted with the newest key', ...counts });
    if (counts.unreadable > 0)
      this.logger.error({ msg: 'No key of SECRET_KEYS decrypts some webhook secrets', ...counts });
  }

  /** `last` is the last id of the batch, or undefined after the last batch. */
  private async renewBatch(
    after: string,
    tx: EntityManager,
  ): Promise<{ renewed: number; unreadable: number; last: string | undefined }> {
    let renewedRows = 0;
    const rows = await tx.query<EncryptedSecrets[]>(
      `SELECT id, secret, previous_secret AS "previousSecret" FROM webhook_endpoints
       WHERE id > $1 AND NOT (starts_with(secret, $2) AND starts_with(coalesce(previous_secret, $2), $2))
       ORDER BY id LIMIT ${BATCH_ROWS} FOR UPDATE SKIP LOCKED`,
      [after, this.encryption.newestKeyPrefix],
    );
    for (const row of rows) {
      const renewed = this.secrets.reencrypt(row);
      if (renewed) {
        await tx.query(`UPDATE webhook_endpoints SET secret = $2, previous_secret = $3 WHERE id = $1`, [
          row.id,
          renewed.secret,
          renewed.previousSecret,
        ]);
        renewedRows += 1;
      }
    }
    const last = rows.length === BATCH_ROWS ? rows.at(-1)?.id : undefined;
    return { renewed: renewedRows, unreadable: rows.length - renewedRows, last };
  }
}
