import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { Locale } from '../platform/i18n/locales.ts';
import { type RecordType, RecordTypes } from '../platform/registry/record-types.ts';

/** The words of one notification in one language. */
export interface NotificationText {
  title: string;
  body: string;
}

/** A kind of notification. The feature that sends it defines it, and registers it with `NotificationsModule.forFeature`. */
export interface NotificationType<Schema extends z.ZodObject = z.ZodObject> extends RecordType<Schema> {
  /** When it is sent, for the API description: "A job of the user has completed." */
  readonly summary: string;
  /** Called each time that the notification is read, in the language of its reader. */
  text(data: z.output<Schema>, locale: Locale): NotificationText;
}

/** Checks the definition and infers the type of its data. */
export const defineNotification = <Schema extends z.ZodObject>(
  type: NotificationType<Schema>,
): NotificationType<Schema> => type;

@Injectable()
export class NotificationTypes extends RecordTypes<NotificationType> {}
