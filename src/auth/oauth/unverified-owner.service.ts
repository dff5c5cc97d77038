import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { emailVerified } from '../auth.audit.ts';
import { EmailTokensService } from '../email-tokens.service.ts';
import { SessionsService } from '../sessions/sessions.service.ts';
import { IdentitiesService } from './identities.service.ts';

/** Revokes access that an unverified owner of the email may have left in the account. */
@Injectable()
export class UnverifiedOwnerService {
  constructor(
    private readonly identities: IdentitiesService,
    private readonly tokens: EmailTokensService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
  ) {}

  async revokeAccess(userId: string, tx: EntityManager): Promise<void> {
    await this.identities.removeAllOf(userId, tx);
    await this.tokens.revokeAllOf(userId, tx);
    await this.audit.record({ type: emailVerified, userId, data: {} }, tx);
    await this.sessions.revokeAllSessions(userId, 'identity-changed', tx);
  }
}
