import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import type { Recipient } from '../mail/mail.service.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { SecurityAlertsService } from './sessions/security-alerts.service.ts';
import { SessionsService } from './sessions/sessions.service.ts';

/** What changes who can get into an account. */
export type AccessEvent = 'password-changed' | 'password-reset' | 'email-changed';

/** To the owner of the account a password is as new however it came about. */
const NOTICE_OF = {
  'password-changed': 'password-changed',
  'password-reset': 'password-changed',
  'email-changed': 'email-changed',
} as const;

/** Everything by which somebody may have a hold on an account: its sessions, and the links in mails. */
@Injectable()
export class AccessRevocationService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly tokens: EmailTokensService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /** Revokes all of it, except for one session where that is given, and alerts the user at the given email. */
  async revokeAll(
    user: Recipient,
    event: AccessEvent,
    tx: EntityManager,
    keepSessionId?: string,
  ): Promise<void> {
    await this.alerts.send(NOTICE_OF[event], user, tx);
    await this.tokens.revokeAllOf(user.id, tx);
    await this.audit.record({ type: event, userId: user.id }, tx);
    await this.sessions.revokeAllSessions(user.id, event, tx, keepSessionId);
  }
}
