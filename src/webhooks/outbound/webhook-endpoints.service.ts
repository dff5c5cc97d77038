import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import type { EntityManager, Repository } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import {
  ForbiddenError,
  LimitReachedError,
  NotFoundError,
  PreconditionFailedError,
  ValidationFailedError,
} from '../../platform/errors/platform.errors.ts';
import { EventTypes } from '../../platform/events/domain-events.ts';
import { Paginator } from '../../platform/pagination/paginator.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { WebhookEndpoint } from './webhook-endpoint.entity.ts';
import type {
  CreateWebhookEndpoint,
  UpdateWebhookEndpoint,
  WebhookEndpointsQuery,
} from './webhook-endpoints.schemas.ts';
import { WebhookSecrets } from './webhook-secrets.service.ts';
import { WebhookUrlRules } from './webhook-url-rules.service.ts';
import { endpointCreated, endpointDeleted, secretRotated } from './webhooks.audit.ts';

const ENDPOINTS_PER_USER_MAX = 20;
const SECRET_OVERLAP_MS = 24 * 3_600_000;

type WithSecret = WebhookEndpoint & { secret: string };

/** Where people want to be told of events. Everybody sees and changes their own alone. */
@Injectable()
export class WebhookEndpointsService {
  constructor(
    @InjectRepository(WebhookEndpoint) private readonly endpoints: Repository<WebhookEndpoint>,
    private readonly secrets: WebhookSecrets,
    private readonly rules: WebhookUrlRules,
    private readonly paginator: Paginator,
    private readonly audit: AuditService,
    private readonly eventTypes: EventTypes,
  ) {}

  list(page: WebhookEndpointsQuery, { userId }: Principal) {
    const rows = this.endpoints.createQueryBuilder('endpoint').where({ userId });
    const sorts = { createdAt: 'createdAt' };
    return this.paginator.page(rows, { list: `webhook-endpoints:${userId}`, page, filters: {}, sorts });
  }

  async get(id: string, { userId }: Principal): Promise<WebhookEndpoint> {
    const endpoint = await this.endpoints.findOneBy({ id, userId });
    if (!endpoint) throw new NotFoundError();
    return endpoint;
  }

  /** The only time, but for a rotation, that the secret is told. */
  async create(
    fields: CreateWebhookEndpoint,
    caller: Principal,
    manager = this.endpoints.manager,
  ): Promise<WithSecret> {
    this.refuseForbidden(fields, caller);
    const id = randomUUIDv7();
    const { secret, encrypted } = this.secrets.make(id);
    const endpoint = await manager.transaction(async (tx) => {
      await tx.insert(WebhookEndpoint, { ...fields, id, userId: caller.userId, secret: encrypted });
      await refuseTooMany(caller.userId, tx);
      await this.record(endpointCreated, { id, userId: caller.userId }, tx);
      return tx.findOneByOrFail(WebhookEndpoint, { id });
    });
    return { ...endpoint, secret };
  }

  async update(
    id: string,
    changes: UpdateWebhookEndpoint,
    expectedVersion: number | undefined,
    caller: Principal,
  ): Promise<WebhookEndpoint> {
    this.refuseForbidden(changes, caller);
    return this.endpoints.manager.transaction(async (tx) => {
      const before = await tx.findOne(WebhookEndpoint, {
        where: { id, userId: caller.userId },
        lock: { mode: 'for_no_key_update' },
      });
      if (!before) throw new NotFoundError();
      if (expectedVersion !== undefined && before.version !== expectedVersion)
        throw new PreconditionFailedError();
      await tx.update(
        WebhookEndpoint,
        { id },
        {
          ...changes,
          ...(beginsAnew(before, changes) && { failingSince: null }),
          ...(changes.enabled !== undefined && { disabledReason: null }),
          version: () => 'version + 1',
        },
      );
      return tx.findOneByOrFail(WebhookEndpoint, { id });
    });
  }

  /** What was still to be delivered to it goes as well. */
  async delete(id: string, { userId }: Principal): Promise<void> {
    await this.endpoints.manager.transaction(async (tx) => {
      // The user's row before the endpoint: see docs/decisions/0033-lock-order-and-retries.md.
      await lockUsers([userId], tx);
      const { affected } = await tx.delete(WebhookEndpoint, { id, userId });
      if (!affected) throw new NotFoundError();
      await this.record(endpointDeleted, { id, userId }, tx);
    });
  }

  /**
   * Both secrets sign for 24 hours, so that the receiver can switch at any time. A repeated call in that time returns
   * the same new secret: a third one would replace a secret that the receiver may still use.
   */
  async rotateSecret(id: string, { userId }: Principal): Promise<WithSecret> {
    return this.endpoints.manager.transaction(async (tx) => {
      const before = await tx.findOne(WebhookEndpoint, {
        where: { id, userId },
        lock: { mode: 'for_no_key_update' },
      });
      if (!before) throw new NotFoundError();
      const pending = this.secrets.pendingOf(before);
      if (pending !== null) return { ...before, secret: pending };
      const { secret, encrypted } = this.secrets.make(id);
      await tx.update(
        WebhookEndpoint,
        { id },
        {
          secret: encrypted,
          previousSecret: before.secret,
          previousSecretExpiresAt: new Date(Date.now() + SECRET_OVERLAP_MS),
          version: () => 'version + 1',
        },
      );
      await this.record(secretRotated, { id, userId }, tx);
      return { ...(await tx.findOneByOrFail(WebhookEndpoint, { id })), secret };
    });
  }

  /** Whoever takes over an account may have its events sent to themselves: that leaves a trace. */
  private record(
    type: typeof endpointCreated,
    { id, userId }: Pick<WebhookEndpoint, 'id' | 'userId'>,
    tx: EntityManager,
  ): Promise<void> {
    return this.audit.record({ type, userId, data: { endpointId: id } }, tx);
  }

  private refuseForbidden(
    { url, scope, eventTypes = [] }: UpdateWebhookEndpoint,
    { roles }: Principal,
  ): void {
    const unknown = eventTypes.flatMap((type, index) => (this.eventTypes.isPublic(type) ? [] : [index]));
    if (unknown.length > 0) {
      const fault = { code: 'INVALID_VALUE', message: 'There is no such event.' };
      throw new ValidationFailedError({
        details: unknown.map((index) => ({ path: `eventTypes.${index}`, ...fault })),
      });
    }
    if (scope === 'all' && !roles.includes('admin')) throw new ForbiddenError();
    const refusal = url === undefined ? null : this.rules.refusal(url);
    if (refusal === null) return;
    throw new ValidationFailedError({
      details: [{ path: 'url', code: 'URL_NOT_ALLOWED', message: refusal }],
    });
  }
}

/** Who switches it on again, or mends its address, is given all the time and all the places again that a new one has. */
const beginsAnew = (before: WebhookEndpoint, { enabled, url }: UpdateWebhookEndpoint): boolean =>
  (enabled === true && !before.enabled) || (url !== undefined && url !== before.url);

/** Called when the transaction has added the one that may be too many. */
async function refuseTooMany(userId: string, tx: EntityManager): Promise<void> {
  // Two requests of one user at once would not see each other's endpoint.
  await tx.query(`SELECT pg_advisory_xact_lock(hashtextextended('webhook endpoints of ' || $1, 0))`, [
    userId,
  ]);
  const endpoints = await tx.countBy(WebhookEndpoint, { userId });
  if (endpoints > ENDPOINTS_PER_USER_MAX) throw new LimitReachedError();
}
