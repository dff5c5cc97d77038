import { z } from 'zod';
import type { MailTemplate } from '../../mail/mail-template.ts';

export const endpointDisabledMail: MailTemplate<object> = {
  name: 'webhook-endpoint-disabled',
  data: z.object({}),
  compose: () => ({
    subject: 'A webhook endpoint was disabled',
    paragraphs: [
      'One of your webhook endpoints was disabled: it responded 410 Gone, or all deliveries failed for five days. It receives no more events.',
      'When it works again, enable it and redeliver the events that it missed.',
    ],
  }),
};
