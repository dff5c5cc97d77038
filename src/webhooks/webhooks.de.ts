import type { en } from './webhooks.en.ts';

export const de: typeof en = {
  disabled: {
    title: 'Ein Webhook-Endpunkt wurde deaktiviert',
    causes: {
      gone: 'Sein Empfänger hat mit 410 Gone geantwortet.',
      failing: 'Seit fünf Tagen sind alle Zustellungen fehlgeschlagen.',
      backlog:
        'Er hatte mehr als 10.000 offene Zustellungen. Diese sind fehlgeschlagen, und neuere Ereignisse wurden nicht aufgezeichnet.',
    },
    mail: (cause) => ({
      subject: 'Ein Webhook-Endpunkt wurde deaktiviert',
      paragraphs: [
        `Einer Ihrer Webhook-Endpunkte wurde deaktiviert. ${cause} Er erhält keine Ereignisse mehr.`,
        'Wenn er wieder funktioniert, aktivieren Sie ihn und senden Sie die verpassten Ereignisse erneut.',
      ],
    }),
  },
};
