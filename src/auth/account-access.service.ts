import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../audit/audit.service.ts';
import { MailedTokensService } from './mailed-tokens.service.ts';
import { SessionsService } from './sessions/sessions.service.ts';

/** What changes who can get into an account. */
export type AccessEvent = 'password-changed' | 'password-reset' | 'email-changed';

/** Everything by which somebody may have a hold on an account: its sessions, and the links in mails. */
@Injectable()
export class AccountAccessService {
  constructor(
    private readonly sessions: SessionsService,
    private readonly tokens: MailedTokensService,
    private readonly audit: AuditService,
  ) {}

  /** Takes all of it away, but for one session where that is given. Resolves to what `announce` is told after the commit. */
  async revokeAll(
    userId: string,
    event: AccessEvent,
    tx: EntityManager,
    keepSessionId?: string,
  ): Promise<string[]> {
    await this.tokens.voidAllOf(userId, tx);
    await this.audit.record({ type: event, userId }, tx);
    return this.sessions.endAllOf(userId, event, tx, keepSessionId);
  }

  announce(endedSessionIds: string[]): void {
    this.sessions.announceEnded(endedSessionIds);
  }
}
