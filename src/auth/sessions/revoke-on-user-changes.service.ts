import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { userDeleted, userRoleChanged, userSuspended } from '../../users/users.events.ts';
import type { RevokedReason } from './session.entity.ts';
import { SessionsService } from './sessions.service.ts';

/** Revokes a user's sessions when the account changes, in the transaction of the change. */
@Injectable()
export class RevokeOnUserChanges implements OnModuleInit {
  constructor(
    private readonly events: DomainEvents,
    private readonly sessions: SessionsService,
  ) {}

  onModuleInit(): void {
    const revoke = (reason: RevokedReason) => (event: { data: { id: string } }, tx: EntityManager) =>
      this.sessions.revokeAllSessions(event.data.id, reason, tx);
    // Access tokens contain the role, so those with the old one must not stay valid.
    this.events.on(userRoleChanged, revoke('role-changed'));
    this.events.on(userSuspended, revoke('suspended'));
    this.events.on(userDeleted, revoke('deleted'));
  }
}
