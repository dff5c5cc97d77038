import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { MailService, type Recipient } from '../../mail/mail.service.ts';
import { accountNoticeMails } from './account-notices.mails.ts';
import { NotificationsService } from '../../notifications/notifications.service.ts';

const NOTICES = {
  'password-changed': {
    title: 'Your password was changed',
    body: 'Other devices were signed out. If it was not you, set a new password at once.',
  },
  'email-changed': {
    title: 'Your address was changed',
    body: 'The former address can no longer be used to sign in, and every device was signed out.',
  },
  'identity-linked': {
    title: 'Another way to sign in was added',
    body: 'If it was not you, unlink it in your account’s settings and set a new password.',
  },
  'identity-unlinked': {
    title: 'A way to sign in was removed',
    body: 'Other devices were signed out. If it was not you, set a new password at once.',
  },
  'refresh-token-reused': {
    title: 'A device was signed out for your safety',
    body: 'A key of one of your sessions was used twice. If you suspect a copy, change your password.',
  },
} as const;

/** What may follow from somebody else having got into the account: told by mail, and in the application. */
@Injectable()
export class AccountNoticesService {
  constructor(
    private readonly mail: MailService,
    private readonly notifications: NotificationsService,
  ) {}

  async tell(notice: keyof typeof NOTICES, user: Recipient, tx: EntityManager): Promise<void> {
    // First, for the lock of the user's row: whoever changes an account takes that before any other.
    await this.notifications.notify({ userId: user.id, type: notice, ...NOTICES[notice] }, tx);
    await this.mail.send({ template: accountNoticeMails[notice], to: user, data: {} }, tx);
  }
}
