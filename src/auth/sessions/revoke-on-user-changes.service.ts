import { Injectable, type OnModuleInit } from '@nestjs/common';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { userDeleted, userRoleChanged, userSuspended } from '../../users/users.events.ts';
import type { RevokedReason } from './session.entity.ts';
import { SessionsService } from './sessions.service.ts';

const REASON_OF: Partial<Record<string, RevokedReason>> = {
  // Access tokens contain the role, so those with the old one must not stay valid.
  [userRoleChanged.type]: 'role-changed',
  [userSuspended.type]: 'suspended',
  [userDeleted.type]: 'deleted',
};

/** Revokes a user's sessions when the account changes, in the transaction of the change. */
@Injectable()
export class RevokeOnUserChanges implements OnModuleInit {
  constructor(
    private readonly events: DomainEvents,
    private readonly sessions: SessionsService,
  ) {}

  onModuleInit(): void {
    this.events.listen(async (events, tx) => {
      for (const { type, userId } of events) {
        const reason = REASON_OF[type];
        if (reason) await this.sessions.revokeAllSessions(userId, reason, tx);
      }
    });
  }
}
