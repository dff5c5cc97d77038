import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { Registry } from '../platform/registry/registry.ts';

/** Defined by the feature that records it, and registered with `AuditModule.forFeature`. */
export interface AuditEventType<Schema extends z.ZodObject = z.ZodObject> {
  readonly name: string;
  /** Details. No secrets and no emails. */
  readonly data: Schema;
}

@Injectable()
export class AuditEventTypes extends Registry<AuditEventType> {
  protected keyOf({ name }: AuditEventType): string {
    return name;
  }
}
