import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import type { Recipient } from '../mail/mail.service.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { AccountNoticesService } from './notices/account-notices.service.ts';
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
    private readonly notices: AccountNoticesService,
  ) {}

  /**
   * Takes all of it away, but for one session where that is given, and tells the user at the address given. Resolves to
   * what `announce` is told after the commit.
   */
  async revokeAll(
    user: Recipient,
    event: AccessEvent,
    tx: EntityManager,
    keepSessionId?: string,
  ): Promise<string[]> {
    await this.notices.tell(NOTICE_OF[event], user, tx);
    await this.tokens.revokeAllOf(user.id, tx);
    await this.audit.record({ type: event, userId: user.id }, tx);
    return this.sessions.endAllOf(user.id, event, tx, keepSessionId);
  }

  announce(endedSessionIds: string[]): void {
    this.sessions.announceEnded(endedSessionIds);
  }
}
