import type { Translated } from '../../platform/i18n/locales.ts';
import { de } from './notifications.de.ts';

export const en = {
  title: 'Notifications',
  titleUnread: (count: number) => `Notifications (${count} unread)`,
  markAllRead: 'Mark all as read',
  markRead: 'Mark as read',
  markOneRead: (title: string) => `Mark as read: ${title}`,
  older: 'Older',
  arrived: (title: string) => `New: ${title}`,
  streamEnded: (reason: string) => `Live updates ended (${reason}). Reload the page.`,
};

export const notificationsTexts: Translated<typeof en> = { en, de };
