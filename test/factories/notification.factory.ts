import type { EntityManager } from 'typeorm';
import { jobCompletedType } from '../../src/notifications/job-notifications.module.ts';
import { type NewNotification, NotificationsService } from '../../src/notifications/notifications.service.ts';
import type { TestApp } from '../support/app.ts';

/** Creates a notification as a service does, in the transaction of its cause. */
export function notify(
  app: TestApp,
  userId: string,
  { tx, ...overrides }: Partial<NewNotification<typeof jobCompletedType.data>> & { tx?: EntityManager } = {},
): Promise<void> {
  const notification = {
    userId,
    title: 'Done',
    body: 'It is done.',
    data: { jobId: '1', jobType: 'test' },
    ...overrides,
  };
  const create = (manager: EntityManager) =>
    app.api.get(NotificationsService).notify(jobCompletedType, notification, manager);
  return tx ? create(tx) : app.db.transaction(create);
}

/** Creates a type that only a newer release knows. */
export async function insertUnknownNotification(app: TestApp, userId: string): Promise<void> {
  await app.db.query(
    `INSERT INTO notifications (id, user_id, type, title, body, data)
     VALUES (gen_random_uuid(), $1, 'from-a-newer-release', 'unknown', '', '{"newKey": [1]}')`,
    [userId],
  );
}
