import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { EncryptionService } from '../../platform/security/encryption.service.ts';
import { secretFrom } from '../standard-signature.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';

const SECRET_BYTES = 32;

export type EncryptedSecrets = Pick<WebhookEndpoint, 'id' | 'secret' | 'previousSecret'>;
type Stored = EncryptedSecrets & Pick<WebhookEndpoint, 'previousSecretExpiresAt'>;

/** The secrets that endpoints' messages are signed with; encrypted in the database, and bound to their endpoint. */
@Injectable()
export class WebhookSecrets {
  constructor(private readonly encryption: EncryptionService) {}

  make(endpointId: string): { secret: string; encrypted: string } {
    const secret = secretFrom(randomBytes(SECRET_BYTES));
    return { secret, encrypted: this.encryption.encrypt(placeOf(endpointId), secret) };
  }

  /**
   * Those to sign with, newest first: two while one follows the other. Throws where the newest can't be read; the one
   * before is left out then, so that a rotation heals an endpoint whose key is gone.
   */
  liveOf({ id, secret, previousSecret, previousSecretExpiresAt }: Stored): string[] {
    const previous =
      previousSecret && isInFuture(previousSecretExpiresAt) ? this.readable(id, previousSecret) : null;
    return [this.encryption.decrypt(placeOf(id), secret), ...(previous ? [previous] : [])];
  }

  /** The new secret while the previous one still signs too. Null otherwise, or if no key decrypts it. */
  pendingOf({ id, secret, previousSecretExpiresAt }: Stored): string | null {
    return isInFuture(previousSecretExpiresAt) ? this.readable(id, secret) : null;
  }

  /** The same under the newest key; a previous secret that can't be read is given up. Null where the secret can't. */
  renewed({ id, secret, previousSecret }: EncryptedSecrets): EncryptedSecrets | null {
    const plain = this.readable(id, secret);
    if (plain === null) return null;
    const previous = previousSecret && this.readable(id, previousSecret);
    const encrypt = (text: string) => this.encryption.encrypt(placeOf(id), text);
    return { id, secret: encrypt(plain), previousSecret: previous ? encrypt(previous) : null };
  }

  private readable(id: string, encrypted: string): string | null {
    try {
      return this.encryption.decrypt(placeOf(id), encrypted);
    } catch {
      return null;
    }
  }
}

const placeOf = (endpointId: string): string => `webhook_endpoints.secret:${endpointId}`;

const isInFuture = (time: Date | null): boolean => time !== null && time > new Date();
