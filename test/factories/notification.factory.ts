import type { EntityManager } from 'typeorm';
import { jobCompletedType } from '../../src/notifications/job-notifications.module.ts';
import { NotificationsService } from '../../src/notifications/notifications.service.ts';
import type { TestApp } from '../support/app.ts';

interface Overrides {
  /** The type of the completed job, by which a test recognizes the notification. */
  label?: string;
  data?: { jobId: string; jobType: string };
  tx?: EntityManager;
}

/** Creates a notification as a service does, in the transaction of its cause. */
export function notify(
  app: TestApp,
  userId: string,
  { tx, label = 'test', data = { jobId: '1', jobType: label } }: Overrides = {},
): Promise<void> {
  const create = (manager: EntityManager) =>
    app.api.get(NotificationsService).notify(jobCompletedType, { userId, data }, manager);
  return tx ? create(tx) : app.db.transaction(create);
}

/** Inserts a row that another release has written. */
export async function insertNotification(
  app: TestApp,
  userId: string,
  type: string,
  data: object,
): Promise<void> {
  await app.db.query(
    `INSERT INTO notifications (id, user_id, type, data) VALUES (gen_random_uuid(), $1, $2, $3)`,
    [userId, type, data],
  );
}

/** Creates a type that only a newer release knows. */
export const insertUnknownNotification = (app: TestApp, userId: string): Promise<void> =>
  insertNotification(app, userId, 'from-a-newer-release', { newKey: [1] });
