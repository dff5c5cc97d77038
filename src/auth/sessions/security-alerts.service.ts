import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { defineMail } from '../../mail/mail-template.ts';
import { MailService, type Recipient } from '../../mail/mail.service.ts';
import { defineNotification } from '../../notifications/notification-types.ts';
import { NotificationsService } from '../../notifications/notifications.service.ts';
import { authTexts, en } from '../auth.texts.ts';

type AlertName = keyof typeof en.alerts;

const names = Object.keys(en.alerts) as AlertName[];

const notificationOf = (name: AlertName) =>
  defineNotification({
    name,
    summary: `${en.alerts[name].notification.title}.`,
    data: z.object({}),
    text: (_data, locale) => authTexts[locale].alerts[name].notification,
  });

const mailOf = (name: AlertName) =>
  defineMail({ name, data: z.object({}), text: (_data, locale) => authTexts[locale].alerts[name].mail });

const forEachAlert = <Item>(create: (name: AlertName) => Item) =>
  Object.fromEntries(names.map((name) => [name, create(name)])) as Record<AlertName, Item>;

const NOTIFICATIONS = forEachAlert(notificationOf);
const MAILS = forEachAlert(mailOf);

export const securityAlertTypes = Object.values(NOTIFICATIONS);
export const securityAlertMails = Object.values(MAILS);

/** Alerts the owner of an account by mail and notification about changes that an attacker may have made. */
@Injectable()
export class SecurityAlertsService {
  constructor(
    private readonly mail: MailService,
    private readonly notifications: NotificationsService,
  ) {}

  async send(type: AlertName, user: Recipient, tx: EntityManager): Promise<void> {
    // First, because it locks the user's row, and every transaction locks that row before others.
    await this.notifications.notify(NOTIFICATIONS[type], { userId: user.id, data: {} }, tx);
    await this.mail.send({ template: MAILS[type], to: user, data: {} }, tx);
  }
}
