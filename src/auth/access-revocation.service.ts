import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import type { Recipient } from '../mail/mail.service.ts';
import { DomainEvents } from '../platform/events/domain-events.ts';
import { userAccessReset } from '../users/users.events.ts';
import { emailChanged, passwordChanged, passwordReset } from './auth.audit.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { SecurityAlertsService } from './sessions/security-alerts.service.ts';
import { SessionsService } from './sessions/sessions.service.ts';

/** Events after which earlier sign-ins lose access. */
export type AccessEvent = 'password-changed' | 'password-reset' | 'email-changed';

/** Reset and change of the password send the same alert. */
const ALERT_OF = {
  'password-changed': 'password-changed',
  'password-reset': 'password-changed',
  'email-changed': 'email-changed',
} as const;

const AUDIT_OF = {
  'password-changed': passwordChanged,
  'password-reset': passwordReset,
  'email-changed': emailChanged,
};

/** Revokes everything that gives access to an account: its sessions and the links in emails. */
@Injectable()
export class AccessRevocationService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly tokens: EmailTokensService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
    private readonly events: DomainEvents,
  ) {}

  /** Keeps the session `keepSessionId`. Alerts the user at the given email, which may be the old one. */
  async revokeAll(
    user: Recipient,
    event: AccessEvent,
    tx: EntityManager,
    keepSessionId?: string,
  ): Promise<void> {
    if (event === 'password-reset') {
      await this.events.emit(userAccessReset, { userId: user.id, data: { id: user.id } }, tx);
    }
    await this.alerts.send(ALERT_OF[event], user, tx);
    await this.tokens.revokeAllOf(user.id, tx);
    await this.audit.record({ type: AUDIT_OF[event], userId: user.id, data: {} }, tx);
    await this.sessions.revokeAllSessions(user.id, event, tx, keepSessionId);
  }
}
