import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { userAccessReset, userSuspended } from '../../users/users.events.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';

/**
 * Disables the endpoints of an account that was recovered by a password reset, or suspended: somebody else may have created
 * them to keep reading its events. The owner can enable them again.
 */
@Injectable()
export class DisableEndpointsService implements OnModuleInit {
  constructor(private readonly events: DomainEvents) {}

  onModuleInit(): void {
    this.events.on(userAccessReset, ({ data }, tx) => disableAll(data.id, tx));
    this.events.on(userSuspended, ({ data }, tx) => disableAll(data.id, tx));
  }
}

async function disableAll(userId: string, tx: EntityManager): Promise<void> {
  await tx.update(
    WebhookEndpoint,
    { userId, enabled: true },
    { enabled: false, disabledReason: 'access-reset', version: () => 'version + 1' },
  );
}
