import { Injectable, type OnModuleInit } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import type { MailTemplate } from '../../mail/mail-template.ts';
import { MailService } from '../../mail/mail.service.ts';
import { Config } from '../../platform/config/config.ts';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { userAccessReset } from '../../users/users.events.ts';
import { UsersService } from '../../users/users.service.ts';
import { Identity } from './identity.entity.ts';

const LABELS = { google: 'Google', github: 'GitHub', apple: 'Apple' };

const linkedIdentitiesMail: MailTemplate<{ providers: string[]; url: string }> = {
  name: 'linked-identities',
  data: z.object({ providers: z.array(z.string()), url: z.url() }),
  compose: ({ providers, url }) => ({
    subject: 'Check how your account can be used to sign in',
    paragraphs: [
      'The password of your account was reset. These linked accounts can still be used to sign in:',
      providers.join(', '),
      'If one of them is not yours, open your account settings and unlink it.',
    ],
    action: { label: 'Open account settings', url },
  }),
};

/** A linked identity survives a password reset. Reminds the owner, in case an attacker has linked it. */
@Injectable()
export class LinkedIdentitiesReminder implements OnModuleInit {
  constructor(
    private readonly events: DomainEvents,
    private readonly users: UsersService,
    private readonly mail: MailService,
    private readonly config: Config,
  ) {}

  onModuleInit(): void {
    this.events.on(userAccessReset, ({ data }, tx) => this.remind(data.id, tx));
  }

  private async remind(userId: string, tx: EntityManager): Promise<void> {
    const identities = await tx.find(Identity, { where: { userId }, order: { provider: 'ASC' } });
    const to = await this.users.find(userId, tx);
    if (identities.length === 0 || !to) return;
    const providers = identities.map(({ provider }) => LABELS[provider]);
    const data = { providers, url: this.config.FRONTEND_URL };
    await this.mail.send({ template: linkedIdentitiesMail, to, data }, tx);
  }
}
