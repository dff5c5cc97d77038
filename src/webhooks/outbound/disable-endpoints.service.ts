import { Injectable, type OnModuleInit } from '@nestjs/common';
import { type EntityManager, In } from 'typeorm';
import { type DomainEvent, DomainEvents } from '../../platform/events/domain-events.ts';
import { userAccessReset, userSuspended } from '../../users/users.events.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';

const CAUSES = new Set([userAccessReset.type, userSuspended.type]);

/**
 * Disables the endpoints of an account that was recovered by a password reset, or suspended: somebody else may have created
 * them to keep reading its events. The owner can enable them again.
 */
@Injectable()
export class DisableEndpointsService implements OnModuleInit {
  constructor(private readonly events: DomainEvents) {}

  onModuleInit(): void {
    this.events.listen((events, tx) => this.disable(events, tx));
  }

  private async disable(events: DomainEvent[], tx: EntityManager): Promise<void> {
    const userIds = events.filter(({ type }) => CAUSES.has(type)).map(({ userId }) => userId);
    if (userIds.length === 0) return;
    await tx.update(
      WebhookEndpoint,
      { userId: In(userIds), enabled: true },
      { enabled: false, disabledReason: 'access-reset', version: () => 'version + 1' },
    );
  }
}
