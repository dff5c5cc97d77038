import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { MailService, type Recipient } from '../../mail/mail.service.ts';
import type { NotificationType } from '../../notifications/notification-types.ts';
import { NotificationsService } from '../../notifications/notifications.service.ts';
import { securityAlertMails } from './security-alerts.mails.ts';

const ALERTS = {
  'password-changed': {
    title: 'Your password was changed',
    body: 'Other devices were signed out. If it was not you, set a new password at once.',
  },
  'email-changed': {
    title: 'Your email was changed',
    body: 'The former email can no longer be used to sign in. Every device was signed out.',
  },
  'identity-linked': {
    title: 'Another way to sign in was added',
    body: 'If it was not you, unlink it in your account settings and set a new password.',
  },
  'identity-unlinked': {
    title: 'A way to sign in was removed',
    body: 'Other devices were signed out. If it was not you, set a new password at once.',
  },
  'refresh-token-reused': {
    title: 'A device was signed out for your safety',
    body: 'A refresh token of one of your sessions was used twice. If you suspect that it was copied, change your password.',
  },
} as const;

const notificationType = (name: string): NotificationType => ({ name, data: z.object({}) });

export const securityAlertTypes: NotificationType[] = Object.keys(ALERTS).map(notificationType);

/** Alerts the owner, by email and by notification, of changes that an attacker in the account could have made. */
@Injectable()
export class SecurityAlertsService {
  constructor(
    private readonly mail: MailService,
    private readonly notifications: NotificationsService,
  ) {}

  async send(type: keyof typeof ALERTS, user: Recipient, tx: EntityManager): Promise<void> {
    // First, because it locks the user's row, which every transaction locks before other rows.
    const content = { ...ALERTS[type], data: {} };
    await this.notifications.notify(notificationType(type), { userId: user.id, ...content }, tx);
    await this.mail.send({ template: securityAlertMails[type], to: user, data: {} }, tx);
  }
}
