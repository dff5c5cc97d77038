import type { EntityManager } from 'typeorm';
import { type NewNotification, NotificationsService } from '../../src/notifications/notifications.service.ts';
import type { TestApp } from '../support/app.ts';

/** Tells a user something as a service does, in the transaction of its cause. */
export function notify(
  app: TestApp,
  userId: string,
  { tx, ...overrides }: Partial<NewNotification> & { tx?: EntityManager } = {},
): Promise<void> {
  const notification = {
    userId,
    type: 'job-completed',
    title: 'Done',
    body: 'It is done.',
    ...overrides,
  } as const;
  const tell = (manager: EntityManager) => app.api.get(NotificationsService).notify(notification, manager);
  return tx ? tell(tx) : app.db.transaction(tell);
}
