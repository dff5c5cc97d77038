import type { MailText } from '../mail/mail-template.ts';

export const en = {
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
