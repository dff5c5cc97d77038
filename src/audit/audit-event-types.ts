import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { type RecordType, RecordTypes } from '../platform/registry/record-types.ts';

/** Defined by the feature that records it, and registered with `AuditModule.forFeature`. */
export type AuditEventType<Schema extends z.ZodObject = z.ZodObject> = RecordType<Schema>;

/** Checks the definition and infers the type of its data. */
export const defineAuditEvent = <Schema extends z.ZodObject>(
  type: AuditEventType<Schema>,
): AuditEventType<Schema> => type;

@Injectable()
export class AuditEventTypes extends RecordTypes<AuditEventType> {}
