import { z } from 'zod';
import type { AuditEventType } from '../../audit/audit-event-types.ts';

const endpoint = z.object({ endpointId: z.string() });

export const endpointCreated = { name: 'webhook-endpoint-created', data: endpoint } satisfies AuditEventType;
export const endpointDeleted = { name: 'webhook-endpoint-deleted', data: endpoint } satisfies AuditEventType;
export const secretRotated = { name: 'webhook-secret-rotated', data: endpoint } satisfies AuditEventType;
