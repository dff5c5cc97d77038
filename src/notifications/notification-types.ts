import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import { Registry } from '../platform/registry/registry.ts';

/** Defined by the feature that sends it, and registered with `NotificationsModule.forFeature`. */
export interface NotificationType<Schema extends z.ZodType<Record<string, unknown>> = z.ZodObject> {
  readonly name: string;
  /** Ids that a client may link to. No secrets. */
  readonly data: Schema;
}

@Injectable()
export class NotificationTypes extends Registry<NotificationType> {
  protected keyOf({ name }: NotificationType): string {
    return name;
  }
}
