import type { MailText } from '../mail/mail-template.ts';
import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './webhooks.de.ts';

export const en = {
  pingsMax: (max: number) => `At most ${max} pings of an endpoint may be pending.`,
  deliveriesMax: (max: number) => `At most ${max} deliveries of an endpoint may be pending.`,
  endpointsMax: (max: number) => `At most ${max} webhook endpoints per user.`,
  scopeAllMax: (max: number) => `At most ${max} webhook endpoints with scope "all".`,
  endpointDisabled: 'The endpoint is disabled.',
  unknownEventType: 'Unknown event type.',
  url: {
    tooLong: (max: number) => `It must be a URL of at most ${max} characters.`,
    credentials: 'It must not contain credentials.',
    fragment: 'It must not have a fragment.',
    protocol: 'It must start with https://.',
    port: (min: number) => `Its port must be 443, or ${min} or higher.`,
    private: 'It must be reachable from the internet.',
  },
  disabled: {
    title: 'A webhook endpoint was disabled',
    causes: {
      gone: 'Its receiver responded 410 Gone.',
      failing: 'All deliveries have failed for five days.',
      backlog:
        'It had more than 10,000 pending deliveries. These have failed, and newer events were not recorded.',
    },
    mail: (cause: string): MailText => ({
      subject: 'A webhook endpoint was disabled',
      paragraphs: [
        `One of your webhook endpoints was disabled. ${cause} It receives no more events.`,
        'When it works again, enable it and redeliver the events that it missed.',
      ],
    }),
  },
};

export const webhooksTexts: Translated<typeof en> = { en, de };
