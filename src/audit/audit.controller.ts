import { Controller, Get, Query } from '@nestjs/common';
import { page } from '../platform/http/schemas.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { RequirePermission } from '../platform/security/access.decorators.ts';
import { auditEventSchema, auditEventsQuerySchema, type AuditEventsQuery } from './audit.schemas.ts';
import { auditRead, AuditService } from './audit.service.ts';

@Tag('Audit', 'The audit log: who did what, and when.')
@Controller({ path: 'audit-events', version: '1' })
export class AuditController {
  constructor(private readonly audit: AuditService) {}

  @Get()
  @Endpoint({
    summary: 'List audit events',
    description:
      'Sign-ins, changes of passwords, emails and roles, and what administrators did. Newest first. With a read replica, events may appear a few seconds later.',
    returns: page(auditEventSchema),
  })
  @RequirePermission(auditRead)
  listAuditEvents(@Query({ schema: auditEventsQuerySchema }) query: AuditEventsQuery) {
    return this.audit.list(query);
  }
}
