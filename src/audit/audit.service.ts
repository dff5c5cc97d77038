import { Injectable } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { Between, type EntityManager, LessThanOrEqual, MoreThanOrEqual } from 'typeorm';
import type { z } from 'zod';
import { ValidationFailedError } from '../platform/errors/platform.errors.ts';
import { platformTexts } from '../platform/i18n/platform.texts.ts';
import { currentContext, translate } from '../platform/logging/request-context.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import { ReadReplica } from '../platform/replica/read-replica.module.ts';
import { definePermission } from '../platform/security/permissions.ts';
import { type AuditEventType, AuditEventTypes } from './audit-event-types.ts';
import { AuditEvent } from './audit-event.entity.ts';
import type { AuditEventsQuery } from './audit.schemas.ts';

export const auditRead = definePermission({
  name: 'audit:read',
  description: 'Read the audit log.',
});

export interface NewAuditEvent<Schema extends z.ZodObject> {
  type: AuditEventType<Schema>;
  /** The affected account, or null. */
  userId: string | null;
  data: z.input<Schema>;
}

@Injectable()
export class AuditService {
  constructor(
    private readonly replica: ReadReplica,
    private readonly paginator: Paginator,
    private readonly types: AuditEventTypes,
  ) {}

  /**
   * Writes the event in the transaction of the change, so that both are stored or neither. The actor, the IP address
   * and the correlation id come from the current request.
   */
  async record<Schema extends z.ZodObject>(
    { type, userId, data }: NewAuditEvent<Schema>,
    tx: EntityManager,
  ): Promise<void> {
    const context = currentContext();
    const { actorId, ipAddress, userAgent, correlationId } = { ...context, actorId: context?.userId };
    await tx.query(
      `INSERT INTO audit_events (id, type, user_id, data, actor_id, ip_address, user_agent, correlation_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
      [
        randomUUIDv7(),
        type.name,
        userId,
        JSON.stringify(this.types.toStored(type, data)),
        actorId,
        ipAddress,
        userAgent,
        correlationId,
      ],
    );
  }

  async list({ type, userId, from, to, ...request }: AuditEventsQuery) {
    if (type && !this.types.find(type)) {
      const message = translate(platformTexts).expectedOneOf(this.types.keys().toSorted());
      throw new ValidationFailedError({ details: [{ path: 'type', code: 'INVALID_VALUE', message }] });
    }
    const rows = this.replica
      .selectReader()
      .getRepository(AuditEvent)
      .createQueryBuilder('event')
      .where({
        ...(type && { type }),
        ...(userId && { userId }),
        ...createdAtFilter(from, to),
      });
    const filters = { type, userId, from, to };
    const page = await this.paginator.page(rows, {
      list: 'audit-events',
      page: request,
      filters,
    });
    return {
      ...page,
      data: page.data.map((row) => ({ ...row, ...this.types.read(row.type, row.data).shown })),
    };
  }
}

function createdAtFilter(from: Date | undefined, to: Date | undefined) {
  if (from && to) return { createdAt: Between(from, to) };
  if (from) return { createdAt: MoreThanOrEqual(from) };
  return to ? { createdAt: LessThanOrEqual(to) } : {};
}
