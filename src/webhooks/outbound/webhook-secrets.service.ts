import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { EncryptionService } from '../../platform/security/encryption.service.ts';
import { secretFrom } from '../standard-signature.ts';
import type { WebhookEndpoint } from './webhook-endpoint.entity.ts';

const SECRET_BYTES = 32;

type Stored = Pick<WebhookEndpoint, 'id' | 'secret' | 'previousSecret' | 'previousSecretExpiresAt'>;

/** The secrets that endpoints' messages are signed with; encrypted in the database, and bound to their endpoint. */
@Injectable()
export class WebhookSecrets {
  constructor(private readonly encryption: EncryptionService) {}

  make(endpointId: string): { secret: string; encrypted: string } {
    const secret = secretFrom(randomBytes(SECRET_BYTES));
    return { secret, encrypted: this.encryption.encrypt(placeOf(endpointId), secret) };
  }

  /** Those to sign with, newest first: two while one follows the other. */
  liveOf({ id, secret, previousSecret, previousSecretExpiresAt }: Stored): string[] {
    const isOverlap = previousSecretExpiresAt !== null && previousSecretExpiresAt > new Date();
    return [secret, ...(isOverlap && previousSecret ? [previousSecret] : [])].map((text) =>
      this.encryption.decrypt(placeOf(id), text),
    );
  }
}

const placeOf = (endpointId: string): string => `webhook_endpoints.secret:${endpointId}`;
