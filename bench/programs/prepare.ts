/** Creates the jobs and events that a worker then processes: node prepare.js <command> [arguments] */
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { roles } from '../../src/app.roles.ts';
import { JobFilesService } from '../../src/jobs/job-files.service.ts';
import { JobsModule } from '../../src/jobs/jobs.module.ts';
import { JobsService } from '../../src/jobs/jobs.service.ts';
import {
  jobCompletedType,
  JobNotificationsModule,
} from '../../src/notifications/job-notifications.module.ts';
import { NotificationsService } from '../../src/notifications/notifications.service.ts';
import { ConfigModule } from '../../src/platform/config/config.module.ts';
import { loadConfig } from '../../src/platform/config/config.ts';
import { DatabaseModule } from '../../src/platform/database/database.module.ts';
import { DomainEventsModule } from '../../src/platform/events/domain-events.module.ts';
import { HealthModule } from '../../src/platform/health/health.module.ts';
import { LoggingModule } from '../../src/platform/logging/logging.module.ts';
import { PlatformModule } from '../../src/platform/platform.module.ts';
import { QueueBackend } from '../../src/platform/queue/queue-backend.ts';
import { PermissionsModule } from '../../src/platform/security/permissions.ts';
import { userImport } from '../../src/users/users.jobs.ts';
import { UsersModule } from '../../src/users/users.module.ts';
import { WebhookSecrets } from '../../src/webhooks/outbound/webhook-secrets.service.ts';
import { WebhooksModule } from '../../src/webhooks/outbound/webhooks.module.ts';
import { noOp } from './no-op.job.ts';

const PARALLEL = 16;

@Module({
  imports: [
    ConfigModule.with(loadConfig()),
    LoggingModule,
    DatabaseModule.for('worker'),
    PlatformModule,
    PermissionsModule.withRoles(roles),
    DomainEventsModule,
    HealthModule.forApi(),
    UsersModule,
    WebhooksModule,
    JobNotificationsModule,
    JobsModule.forFeature([noOp]),
  ],
})
class PrepareModule {}

const app = await NestFactory.createApplicationContext(PrepareModule, { logger: ['error', 'warn'] });
const db = app.get(DataSource);
const jobs = app.get(JobsService);

const commands: Record<string, (...args: string[]) => Promise<void>> = {
  /** No-op jobs, one transaction each. Waits until all are in the queue. */
  jobs: async (count) => {
    let left = Number(count);
    const enqueue = async () => {
      while (left > 0) {
        left -= 1;
        await db.transaction((tx) => jobs.enqueue(noOp, {}, {}, tx));
      }
    };
    await Promise.all(Array.from({ length: PARALLEL }, enqueue));
    const queue = app.get(QueueBackend).queue(noOp.type);
    while ((await queue.getWaitingCount()) < Number(count))
      await new Promise((resolve) => setTimeout(resolve, 20));
  },
  // feature:webhooks begin
  /** A webhook endpoint for each of the first users. */
  endpoints: async (users, url) => {
    const rows = await db.query<{ id: string }[]>(
      `INSERT INTO webhook_endpoints (id, user_id, url, event_types, secret)
       SELECT gen_random_uuid(), id, $2, '{user.updated}', '' FROM (SELECT id FROM users ORDER BY email LIMIT $1)
       RETURNING id`,
      [users, url],
    );
    const secrets = app.get(WebhookSecrets, { strict: false });
    for (const { id } of rows)
      await db.query('UPDATE webhook_endpoints SET secret = $2 WHERE id = $1', [
        id,
        secrets.generate(id).encrypted,
      ]);
  },
  // feature:webhooks end
  // feature:notifications begin
  /** One notification for each of the users, one after the other. */
  notify: async (first, count) => {
    const service = app.get(NotificationsService, { strict: false });
    const emails = Array.from({ length: Number(count) }, (_, n) => `user-${Number(first) + n}@example.com`);
    const users = await db.query<{ id: string }[]>('SELECT id FROM users WHERE email = ANY($1)', [emails]);
    const data = { jobId: randomUUID(), jobType: 'bench' };
    for (const { id: userId } of users)
      await db.transaction((tx) => service.notify(jobCompletedType, { userId, data }, tx));
  },
  // feature:notifications end
  // feature:imports begin
  /** A CSV file and the job that imports it. */
  import: async (lines) => {
    const file = await app
      .get(JobFilesService, { strict: false })
      .store({ name: 'import.csv', mediaType: 'text/csv' }, csv(Number(lines)));
    const [admin] = await db.query<{ id: string }[]>(`SELECT id FROM users WHERE role = 'admin' LIMIT 1`);
    const options = { userId: admin!.id, inputFileId: file.id };
    await db.transaction((tx) => jobs.enqueueForUser(userImport, {}, options, tx));
  },
  // feature:imports end
};

async function* csv(lines: number): AsyncGenerator<Buffer> {
  yield Buffer.from('email,displayName\n');
  for (let line = 1; line <= lines; line += 1)
    yield Buffer.from(`imported-${line}@example.com,Imported ${line}\n`);
}

const [command = '', ...args] = process.argv.slice(2);
await commands[command]!(...args);
await app.close();
