import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import type { MailTemplate } from '../../mail/mail-template.ts';
import { MailService, type Recipient } from '../../mail/mail.service.ts';
import type { NotificationType } from '../../notifications/notification-types.ts';
import { NotificationsService } from '../../notifications/notifications.service.ts';

const createMail = (name: string, subject: string, paragraphs: string[]): MailTemplate<object> => ({
  name,
  data: z.object({}),
  compose: () => ({ subject, paragraphs }),
});

const NOT_YOU = 'If it was not you, choose a new password now: use “Forgot password” where you sign in.';

const MAILS = {
  'password-changed': createMail('password-changed', 'Your password was changed', [
    'The password of your account was changed. Other devices were signed out.',
    NOT_YOU,
  ]),
  'email-changed': createMail('email-changed', 'Your email was changed', [
    'Your account now has another email. You can no longer sign in with this one. All devices were signed out.',
    'If it was not you, reply to this mail now.',
  ]),
  'identity-linked': createMail('identity-linked', 'A sign-in provider was linked', [
    'A Google, GitHub or Apple account was linked to your account. It can now be used to sign in.',
    'If it was not you, unlink it in your account settings and choose a new password.',
  ]),
  'identity-unlinked': createMail('identity-unlinked', 'A sign-in provider was unlinked', [
    'A Google, GitHub or Apple account was unlinked from your account. Other devices were signed out.',
    NOT_YOU,
  ]),
  'refresh-token-reused': createMail('refresh-token-reused', 'A device was signed out for your safety', [
    'A refresh token of one of your sessions was used twice. This happens if the token was copied. The session was revoked.',
    'Sign in again. If you think that your session was copied, change your password.',
  ]),
};

const NOTIFICATIONS = {
  'password-changed': {
    title: 'Your password was changed',
    body: 'Other devices were signed out. If it was not you, choose a new password now.',
  },
  'email-changed': {
    title: 'Your email was changed',
    body: 'The old email can no longer be used to sign in. All devices were signed out.',
  },
  'identity-linked': {
    title: 'A sign-in provider was linked',
    body: 'If it was not you, unlink it in your account settings and choose a new password.',
  },
  'identity-unlinked': {
    title: 'A sign-in provider was unlinked',
    body: 'Other devices were signed out. If it was not you, choose a new password now.',
  },
  'refresh-token-reused': {
    title: 'A device was signed out for your safety',
    body: 'A refresh token of one of your sessions was used twice. If you suspect that it was copied, change your password.',
  },
} as const;

const notificationType = (name: string): NotificationType => ({ name, data: z.object({}) });

export const securityAlertTypes: NotificationType[] = Object.keys(NOTIFICATIONS).map(notificationType);

/** Alerts the owner of an account by mail and notification when a change could be the work of an attacker. */
@Injectable()
export class SecurityAlertsService {
  constructor(
    private readonly mail: MailService,
    private readonly notifications: NotificationsService,
  ) {}

  async send(type: keyof typeof NOTIFICATIONS, user: Recipient, tx: EntityManager): Promise<void> {
    // First, because it locks the user's row, and every transaction locks that row before others.
    const content = { ...NOTIFICATIONS[type], data: {} };
    await this.notifications.notify(notificationType(type), { userId: user.id, ...content }, tx);
    await this.mail.send({ template: MAILS[type], to: user, data: {} }, tx);
  }
}
