import type { Translated } from '../platform/i18n/locales.ts';
import type { NotificationText } from './notification-types.ts';
import { de } from './notifications.de.ts';

export const en = {
  jobCompleted: (jobType: string): NotificationText => ({
    title: 'Job completed',
    body: `The job “${jobType}” has completed.`,
  }),
  jobFailed: (jobType: string, message = ''): NotificationText => ({
    title: 'Job failed',
    body: message ? `The job “${jobType}” has failed: ${message}` : `The job “${jobType}” has failed.`,
  }),
  unknown: { title: 'New notification', body: '' },
};

export const notificationsTexts: Translated<typeof en> = { en, de };
