import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { type EntityManager, IsNull, type Repository } from 'typeorm';
import { z } from 'zod';
import { defineAuditEvent } from '../../audit/audit-event-types.ts';
import { AuditService } from '../../audit/audit.service.ts';
import { JobsService } from '../../jobs/jobs.service.ts';
import { ForbiddenError, LimitReachedError } from '../../platform/errors/platform.errors.ts';
import { assertVersion } from '../../platform/http/etag.ts';
import { localize } from '../../platform/i18n/locales.ts';
import { Paginator } from '../../platform/pagination/paginator.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { lockUsers } from '../../users/lock-users.ts';
import { webhooksTexts } from '../webhooks.texts.ts';
import { WebhookEndpointRules } from './webhook-endpoint-rules.service.ts';
import { WebhookEndpoint, type WebhookScope } from './webhook-endpoint.entity.ts';
import { markDeleted } from './webhook-endpoint.jobs.ts';
import { endpointPolicy, webhooksReceiveAll } from './webhook-endpoints.policy.ts';
import type {
  CreateWebhookEndpoint,
  UpdateWebhookEndpoint,
  WebhookEndpointsQuery,
} from './webhook-endpoints.schemas.ts';
import { WebhookSecrets } from './webhook-secrets.service.ts';

const auditData = z.object({ endpointId: z.string() });

export const endpointCreated = defineAuditEvent({ name: 'webhook-endpoint-created', data: auditData });
export const endpointDeleted = defineAuditEvent({ name: 'webhook-endpoint-deleted', data: auditData });
export const secretRotated = defineAuditEvent({ name: 'webhook-secret-rotated', data: auditData });

const ENDPOINTS_PER_USER_MAX = 20;
/** For all administrators together: each event is written once per endpoint, in the transaction of the event. */
const SCOPE_ALL_MAX = 50;
const SECRET_OVERLAP_MS = 24 * 3_600_000;

type WithSecret = WebhookEndpoint & { secret: string };

/** Endpoints of users. Each user sees and changes only their own. */
@Injectable()
export class WebhookEndpointsService {
  constructor(
    @InjectRepository(WebhookEndpoint) private readonly endpoints: Repository<WebhookEndpoint>,
    private readonly secrets: WebhookSecrets,
    private readonly rules: WebhookEndpointRules,
    private readonly paginator: Paginator,
    private readonly audit: AuditService,
    private readonly jobs: JobsService,
  ) {}

  list(page: WebhookEndpointsQuery, caller: Principal) {
    const rows = endpointPolicy.filter(this.endpoints.createQueryBuilder('endpoint'), 'read', caller);
    return this.paginator.page(rows, { list: 'webhook-endpoints', page, filters: {} });
  }

  get(id: string, caller: Principal): Promise<WebhookEndpoint> {
    return endpointPolicy.get('read', id, caller, this.endpoints.manager);
  }

  /** The secret is returned here and after a rotation only. */
  async create(
    fields: CreateWebhookEndpoint,
    caller: Principal,
    manager = this.endpoints.manager,
  ): Promise<WithSecret> {
    assertMayUseScope(fields, caller);
    this.rules.assertAllowed(fields);
    const id = randomUUIDv7();
    const { secret, encrypted } = this.secrets.generate(id);
    const endpoint = await manager.transaction(async (tx) => {
      await tx.insert(WebhookEndpoint, { ...fields, id, userId: caller.userId, secret: encrypted });
      await assertWithinLimits(caller.userId, fields.scope, tx);
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
    assertMayUseScope(changes, caller);
    this.rules.assertAllowed(changes);
    return this.endpoints.manager.transaction(async (tx) => {
      const before = await endpointPolicy.lock('change', id, caller, tx);
      assertVersion(before, expectedVersion);
      await tx.update(
        WebhookEndpoint,
        { id },
        {
          ...changes,
          ...(isReset(before, changes) && { failingSince: null }),
          ...(changes.enabled !== undefined && { disabledReason: null }),
          version: () => 'version + 1',
        },
      );
      if (changes.scope === 'all' && before.scope !== 'all') await assertScopeAllLimit(tx);
      return tx.findOneByOrFail(WebhookEndpoint, { id });
    });
  }

  /** Takes effect at once. A job removes the endpoint and its deliveries. */
  async delete(id: string, expectedVersion: number | undefined, caller: Principal): Promise<void> {
    const { userId } = caller;
    await this.endpoints.manager.transaction(async (tx) => {
      // The user's row before the endpoint: see docs/decisions/0033-lock-order-and-retries.md.
      await lockUsers([userId], tx);
      assertVersion(await endpointPolicy.lock('change', id, caller, tx), expectedVersion);
      await markDeleted({ id }, this.jobs, tx);
      await this.record(endpointDeleted, { id, userId }, tx);
    });
  }

  /**
   * Both secrets sign for 24 hours, so that the receiver can switch at any time. A repeated call in that time returns
   * the same new secret: a third one would replace a secret that the receiver may still use.
   */
  async rotateSecret(id: string, caller: Principal): Promise<WithSecret> {
    return this.endpoints.manager.transaction(async (tx) => {
      const before = await endpointPolicy.lock('change', id, caller, tx);
      const pending = this.secrets.pendingOf(before);
      if (pending !== null) return { ...before, secret: pending };
      const { secret, encrypted } = this.secrets.generate(id);
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
      await this.record(secretRotated, before, tx);
      return { ...(await tx.findOneByOrFail(WebhookEndpoint, { id })), secret };
    });
  }

  /** An attacker with access to an account can send its events elsewhere, so changes are audited. */
  private record(
    type: typeof endpointCreated,
    { id, userId }: Pick<WebhookEndpoint, 'id' | 'userId'>,
    tx: EntityManager,
  ): Promise<void> {
    return this.audit.record({ type, userId, data: { endpointId: id } }, tx);
  }
}

/** An endpoint that is enabled again or has a new URL starts without failures. */
const isReset = (before: WebhookEndpoint, { enabled, url }: UpdateWebhookEndpoint): boolean =>
  (enabled === true && !before.enabled) || (url !== undefined && url !== before.url);

function assertMayUseScope({ scope }: UpdateWebhookEndpoint, { permissions }: Principal): void {
  if (scope === 'all' && !permissions.has(webhooksReceiveAll)) throw new ForbiddenError();
}

/** Called after the insert, so that the new endpoint counts. */
async function assertWithinLimits(userId: string, scope: WebhookScope, tx: EntityManager): Promise<void> {
  // Concurrent requests would not see each other's endpoint.
  await lock(`webhook endpoints of ${userId}`, tx);
  if ((await tx.countBy(WebhookEndpoint, { userId, deletedAt: IsNull() })) > ENDPOINTS_PER_USER_MAX)
    throw new LimitReachedError({
      detail: localize(webhooksTexts, (texts) => texts.endpointsMax(ENDPOINTS_PER_USER_MAX)),
    });
  if (scope === 'all') await assertScopeAllLimit(tx);
}

async function assertScopeAllLimit(tx: EntityManager): Promise<void> {
  await lock('webhook endpoints of all users', tx);
  const scope = 'all';
  if ((await tx.countBy(WebhookEndpoint, { scope, deletedAt: IsNull() })) > SCOPE_ALL_MAX)
    throw new LimitReachedError({
      detail: localize(webhooksTexts, (texts) => texts.scopeAllMax(SCOPE_ALL_MAX)),
    });
}

/** Until the end of the transaction. */
const lock = (name: string, tx: EntityManager) =>
  tx.query(`SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, [name]);
