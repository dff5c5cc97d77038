import { DataSource, type EntityManager, type FindOptionsWhere, In, IsNull, Not } from 'typeorm';
import { z } from 'zod';
import { defineJob } from '../../jobs/job-definition.ts';
import { type JobContext, JobHandler, type JobRunner } from '../../jobs/job-handler.ts';
import type { JobsService } from '../../jobs/jobs.service.ts';
import { defineMail } from '../../mail/mail-template.ts';
import { MailService } from '../../mail/mail.service.ts';
import { defineNotification } from '../../notifications/notification-types.ts';
import { NotificationsService } from '../../notifications/notifications.service.ts';
import { UsersService } from '../../users/users.service.ts';
import { webhooksTexts } from '../webhooks.texts.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';

/** Rows per transaction. Each row may have some ten attempts, which the foreign key deletes. */
const DELETE_BATCH_ROWS = 500;

/** The reasons for which the owner is notified. A reset of the account's access has its own notifications. */
const reasons = ['gone', 'failing', 'backlog'] as const;
export type DisableReason = (typeof reasons)[number];

export const endpointDisabled = defineNotification({
  name: 'webhook-endpoint-disabled',
  summary: 'A webhook endpoint of the user was disabled.',
  data: z.object({ endpointId: z.string(), reason: z.enum(reasons) }),
  text: ({ reason }, locale) => {
    const { title, causes } = webhooksTexts[locale].disabled;
    return { title, body: causes[reason] };
  },
});

export const endpointDisabledMail = defineMail({
  name: 'webhook-endpoint-disabled',
  data: z.object({ reason: z.enum(reasons) }),
  text: ({ reason }, locale) => {
    const { mail, causes } = webhooksTexts[locale].disabled;
    return mail(causes[reason]);
  },
});

export const webhookDisabledNotify = defineJob({
  type: 'webhook-disabled-notify',
  input: z.strictObject({ endpointId: z.guid(), reason: z.enum(reasons) }),
});

export const webhookEndpointDelete = defineJob({
  type: 'webhook-endpoint-delete',
  input: z.strictObject({ endpointId: z.guid() }),
  timeoutSeconds: 3_600,
});

/**
 * Disables endpoints that are still enabled, and notifies their owners. A job sends the notifications: they lock the
 * owner's row, which must be locked before the endpoint (docs/decisions/0033).
 */
export async function disableEndpoints(
  ids: string[],
  reason: DisableReason,
  jobs: JobsService,
  tx: EntityManager,
): Promise<void> {
  const [disabled] = await tx.query<[{ id: string }[], number]>(
    `UPDATE webhook_endpoints SET enabled = false, disabled_reason = $2, version = version + 1, updated_at = now()
     WHERE enabled AND id IN (SELECT id FROM webhook_endpoints WHERE id = ANY($1) ORDER BY id FOR NO KEY UPDATE)
     RETURNING id`,
    [ids, reason],
  );
  const inputs = disabled.map(({ id }) => ({ endpointId: id, reason }));
  await jobs.enqueueAll(webhookDisabledNotify, inputs, {}, tx);
}

/** Hides endpoints at once. A job removes their rows. Resolves to their number. */
export async function markDeleted(
  where: FindOptionsWhere<WebhookEndpoint>,
  jobs: JobsService,
  tx: EntityManager,
): Promise<number> {
  const lock = { mode: 'for_no_key_update' } as const;
  const endpoints = await tx.find(WebhookEndpoint, {
    select: { id: true },
    where,
    order: { id: 'ASC' },
    lock,
  });
  const ids = endpoints.map(({ id }) => id);
  if (ids.length === 0) return 0;
  await tx.update(WebhookEndpoint, { id: In(ids) }, { deletedAt: () => 'now()', enabled: false });
  const inputs = ids.map((endpointId) => ({ endpointId }));
  await jobs.enqueueAll(webhookEndpointDelete, inputs, {}, tx);
  return ids.length;
}

/** Notifies the owner of a disabled endpoint in the application and by email. */
@JobHandler(webhookDisabledNotify)
export class WebhookDisabledNotifyHandler implements JobRunner<z.output<typeof webhookDisabledNotify.input>> {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly mail: MailService,
    private readonly users: UsersService,
  ) {}

  async run(
    { endpointId, reason }: z.output<typeof webhookDisabledNotify.input>,
    ctx: JobContext,
  ): Promise<void> {
    await ctx.complete({}, async (tx) => {
      const endpoint = await tx.findOneBy(WebhookEndpoint, { id: endpointId });
      const owner = endpoint && (await this.users.findForUpdate(endpoint.userId, tx));
      if (!owner) return;
      await this.notifications.notify(
        endpointDisabled,
        { userId: owner.id, data: { endpointId, reason } },
        tx,
      );
      await this.mail.send({ template: endpointDisabledMail, to: owner, data: { reason } }, tx);
    });
  }
}

/** Removes a deleted endpoint. Its deliveries go first, in batches: one cascade over many rows would take too long. */
@JobHandler(webhookEndpointDelete)
export class WebhookEndpointDeleteHandler implements JobRunner<z.output<typeof webhookEndpointDelete.input>> {
  constructor(private readonly db: DataSource) {}

  async run({ endpointId }: z.output<typeof webhookEndpointDelete.input>, ctx: JobContext): Promise<void> {
    for (let deleted = DELETE_BATCH_ROWS; deleted === DELETE_BATCH_ROWS;) {
      ctx.signal.throwIfAborted();
      [, deleted] = await this.db.query<[unknown, number]>(
        `DELETE FROM webhook_deliveries WHERE id IN (
           SELECT id FROM webhook_deliveries WHERE endpoint_id = $1 ORDER BY created_at, id LIMIT ${DELETE_BATCH_ROWS}
         )`,
        [endpointId],
      );
    }
    await this.db.manager.delete(WebhookEndpoint, { id: endpointId, deletedAt: Not(IsNull()) });
  }
}
