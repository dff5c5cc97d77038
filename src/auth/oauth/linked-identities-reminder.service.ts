import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { MailService } from '../../mail/mail.service.ts';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { userAccessReset } from '../../users/users.events.ts';
import { UsersService } from '../../users/users.service.ts';
import { linkedIdentitiesMail } from '../auth.mails.ts';
import { Identity } from './identity.entity.ts';

const LABELS = { google: 'Google', github: 'GitHub', apple: 'Apple' };

/** A linked identity survives a password reset. Reminds the owner, in case an attacker has linked it. */
@Injectable()
export class LinkedIdentitiesReminder implements OnModuleInit {
  constructor(
    private readonly events: DomainEvents,
    private readonly users: UsersService,
    private readonly mail: MailService,
  ) {}

  onModuleInit(): void {
    this.events.on(userAccessReset, ({ data }, tx) => this.remind(data.id, tx));
  }

  private async remind(userId: string, tx: EntityManager): Promise<void> {
    const identities = await tx.find(Identity, { where: { userId }, order: { provider: 'ASC' } });
    const to = await this.users.find(userId, tx);
    if (identities.length === 0 || !to) return;
    const providers = identities.map(({ provider }) => LABELS[provider]);
    await this.mail.send({ template: linkedIdentitiesMail, to, data: { providers } }, tx);
  }
}
