import { Injectable, Logger } from '@nestjs/common';
import { type EntityManager, LessThanOrEqual } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { AccountDeletionService } from '../../users/personal-data/account-deletion.service.ts';
import type { User } from '../../users/user.entity.ts';
import { LastAdminError } from '../../users/users.errors.ts';
import { UsersService } from '../../users/users.service.ts';
import { identityUnlinked } from '../auth.audit.ts';
import { SecurityAlertsService } from '../sessions/security-alerts.service.ts';
import { SessionsService } from '../sessions/sessions.service.ts';
import type { AppleEvent } from './apple-event-tokens.service.ts';
import { Identity } from './identity.entity.ts';

const provider = 'apple' as const;

/** Handles decisions that users make at Apple about their account here. */
@Injectable()
export class AppleEventsService {
  private readonly logger = new Logger('AppleEvents');

  constructor(
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly deletion: AccountDeletionService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /** Resolves to whether the event type is supported. */
  async apply(event: AppleEvent, tx: EntityManager): Promise<boolean> {
    switch (event.type) {
      case 'consent-revoked':
        await this.unlink(event, tx);
        return true;
      case 'account-delete':
        await this.delete(event, tx);
        return true;
      case 'email-disabled':
      case 'email-enabled':
        await setEmailMuted(event, tx);
        return true;
      default:
        return false;
    }
  }

  /** Unlinks the provider, even if it is the last sign-in method. */
  private async unlink(event: AppleEvent, tx: EntityManager): Promise<void> {
    const found = await this.find(event, tx);
    if (!found) return;
    const { identity, user } = found;
    await this.alerts.send('identity-unlinked', user, tx);
    await tx.delete(Identity, { id: identity.id });
    await this.audit.record({ type: identityUnlinked, userId: user.id, data: { provider } }, tx);
    await this.sessions.revokeAllSessions(user.id, 'identity-changed', tx);
  }

  private async delete(event: AppleEvent, tx: EntityManager): Promise<void> {
    const identity = await tx.findOneBy(Identity, linkAtTheTimeOf(event));
    if (!identity || !(await this.users.find(identity.userId, tx))) return;
    try {
      // Within a savepoint, so that an error undoes its changes.
      await tx.transaction((nested) => this.deletion.deleteWithin(identity.userId, nested));
    } catch (error) {
      if (!(error instanceof LastAdminError)) throw error;
      // Keep the last administrator, but unlink Apple.
      this.logger.error({ msg: 'Apple asks to delete the last administrator', userId: identity.userId });
      await this.unlink(event, tx);
    }
  }

  /** Locks the user's row. Null for an unknown user, or for an event older than the current link. */
  private async find(
    event: AppleEvent,
    tx: EntityManager,
  ): Promise<{ identity: Identity; user: User } | null> {
    const identity = await tx.findOneBy(Identity, linkAtTheTimeOf(event));
    const user = identity && (await this.users.findForUpdate(identity.userId, tx));
    return user && { identity, user };
  }
}

/** Events may arrive in any order: the latest event applies. */
async function setEmailMuted(event: AppleEvent, tx: EntityManager): Promise<void> {
  await tx.query(
    `UPDATE identities SET email_muted = $3, email_muted_changed_at = $4
     WHERE provider = $1 AND subject = $2 AND (email_muted_changed_at IS NULL OR email_muted_changed_at < $4)`,
    [provider, event.sub, event.type === 'email-disabled', new Date(event.event_time)],
  );
}

const linkAtTheTimeOf = ({ sub, event_time }: AppleEvent) => ({
  provider,
  subject: sub,
  createdAt: LessThanOrEqual(new Date(event_time)),
});
