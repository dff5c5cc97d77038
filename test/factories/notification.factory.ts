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

/** Creates a type that only a newer release knows. */
export async function insertUnknownNotification(app: TestApp, userId: string): Promise<void> {
  await app.db.query(
    `INSERT INTO notifications (id, user_id, type, data)
     VALUES (gen_random_uuid(), $1, 'from-a-newer-release', '{ "newKey": [1] }')`,
    [userId],
  );
}

/** Creates notifications without waking the streams. PostgreSQL generates the text, so that the test sends little. */
export async function insertNotifications(
  app: TestApp,
  userId: string,
  { count, bytes }: { count: number; bytes: number },
): Promise<void> {
  await app.db.query(
    `INSERT INTO notifications (id, user_id, type, data)
     SELECT gen_random_uuid(), $1, 'job-completed', jsonb_build_object('jobId', '1', 'jobType', repeat('x', $3))
     FROM generate_series(1, $2::int)`,
    [userId, count, bytes],
  );
}
