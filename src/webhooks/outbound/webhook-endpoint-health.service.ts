import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { MailService } from '../../mail/mail.service.ts';
import type { NotificationType } from '../../notifications/notification-types.ts';
import { NotificationsService } from '../../notifications/notifications.service.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { type DisabledReason, WebhookEndpoint } from './webhook-endpoint.entity.ts';
import type { WebhookAnswer } from './webhook-sender.ts';
import { endpointDisabledMail } from './webhooks.mails.ts';

const FAILING_DAYS_MAX = 5;
const HTTP_GONE = 410;

export const endpointDisabled = {
  name: 'webhook-endpoint-disabled',
  data: z.object({ endpointId: z.string(), reason: z.string() }),
} satisfies NotificationType;

type FailureReason = Exclude<DisabledReason, 'access-reset'>;

const NOTICES: Record<FailureReason, { title: string; body: string }> = {
  gone: { title: 'A webhook endpoint was switched off', body: 'Its receiver answers that it is gone.' },
  failing: { title: 'A webhook endpoint was switched off', body: 'Its receiver has failed for five days.' },
};

/** Since when a receiver has done nothing but fail, and when we stop sending to it. Called with the endpoint's row locked. */
@Injectable()
export class WebhookEndpointHealth {
  constructor(
    private readonly mail: MailService,
    private readonly notifications: NotificationsService,
  ) {}

  async succeeded(endpoint: WebhookEndpoint, tx: EntityManager): Promise<void> {
    if (endpoint.failingSince) await setFailingSince(endpoint, 'NULL', tx);
  }

  /** Resolves to whether that was one too many, and the endpoint is switched off. */
  async failed(endpoint: WebhookEndpoint, answer: WebhookAnswer, tx: EntityManager): Promise<boolean> {
    if (!endpoint.enabled) return false;
    if (!endpoint.failingSince) await setFailingSince(endpoint, 'now()', tx);
    const reason = reasonToStop(endpoint, answer.statusCode);
    if (reason) await this.disable(endpoint, reason, tx);
    return reason !== null;
  }

  private async disable(
    { id, userId }: WebhookEndpoint,
    reason: FailureReason,
    tx: EntityManager,
  ): Promise<void> {
    await tx.update(
      WebhookEndpoint,
      { id },
      { enabled: false, disabledReason: reason, version: () => 'version + 1' },
    );
    await this.notifications.notify(
      endpointDisabled,
      { userId, ...NOTICES[reason], data: { endpointId: id, reason } },
      tx,
    );
    const [owner] = await lockUsers([userId], tx);
    if (owner) {
      const to = { id: userId, email: owner.email };
      await this.mail.send({ template: endpointDisabledMail, to, data: {} }, tx);
    }
  }
}

function reasonToStop({ failingSince }: WebhookEndpoint, statusCode: number | null): FailureReason | null {
  if (statusCode === HTTP_GONE) return 'gone';
  const days = failingSince ? (Date.now() - failingSince.getTime()) / 86_400_000 : 0;
  return days >= FAILING_DAYS_MAX ? 'failing' : null;
}

/** In SQL, since it is no change that the resource's `updatedAt` should tell of. */
const setFailingSince = ({ id }: WebhookEndpoint, value: 'now()' | 'NULL', tx: EntityManager) =>
  tx.query(`UPDATE webhook_endpoints SET failing_since = ${value} WHERE id = $1`, [id]);
