import { Injectable } from '@nestjs/common';
import { InjectRepository } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import { Between, type EntityManager, LessThanOrEqual, MoreThanOrEqual, type Repository } from 'typeorm';
import type { QueryDeepPartialEntity } from 'typeorm/query-builder/QueryPartialEntity.js';
import { currentContext } from '../platform/logging/request-context.ts';
import { Paginator } from '../platform/pagination/paginator.ts';
import { AuditEvent, type AuditEventType } from './audit-event.entity.ts';
import type { AuditEventsQuery } from './audit.schemas.ts';

export interface NewAuditEvent {
  type: AuditEventType;
  /** The affected account, or null. */
  userId: string | null;
  /** No secrets and no emails. */
  data?: Record<string, unknown>;
}

@Injectable()
export class AuditService {
  constructor(
    @InjectRepository(AuditEvent) private readonly events: Repository<AuditEvent>,
    private readonly paginator: Paginator,
  ) {}

  /**
   * Writes the event in the transaction of the change, so that both are stored or neither. The actor, the IP address
   * and the correlation id come from the current request.
   */
  async record({ type, userId, data = {} }: NewAuditEvent, tx: EntityManager): Promise<void> {
    const context = currentContext();
    const event = {
      id: randomUUIDv7(),
      type,
      userId,
      data,
      actorId: context?.userId ?? null,
      ipAddress: context?.ipAddress ?? null,
      userAgent: context?.userAgent ?? null,
      correlationId: context?.correlationId ?? null,
    };
    await tx.insert(AuditEvent, event as QueryDeepPartialEntity<AuditEvent>);
  }

  list({ type, userId, from, to, ...page }: AuditEventsQuery) {
    const rows = this.events.createQueryBuilder('event').where({
      ...(type && { type }),
      ...(userId && { userId }),
      ...during(from, to),
    });
    const filters = { type, userId, from, to };
    return this.paginator.page(rows, {
      list: 'audit-events',
      page,
      filters,
      sorts: { createdAt: 'createdAt' },
    });
  }
}

function during(from: Date | undefined, to: Date | undefined) {
  if (from && to) return { createdAt: Between(from, to) };
  if (from) return { createdAt: MoreThanOrEqual(from) };
  return to ? { createdAt: LessThanOrEqual(to) } : {};
}
