import type { en } from './webhooks.texts.ts';

export const de: typeof en = {
  pingsMax: (max) => `Höchstens ${max} Pings eines Endpunkts dürfen offen sein.`,
  deliveriesMax: (max) => `Höchstens ${max} Zustellungen eines Endpunkts dürfen offen sein.`,
  endpointsMax: (max) => `Höchstens ${max} Webhook-Endpunkte pro Benutzer.`,
  scopeAllMax: (max) => `Höchstens ${max} Webhook-Endpunkte mit scope "all".`,
  endpointDisabled: 'Der Endpunkt ist deaktiviert.',
  unknownEventType: 'Unbekannter Ereignistyp.',
  url: {
    tooLong: (max) => `Muss eine URL mit höchstens ${max} Zeichen sein.`,
    credentials: 'Darf keine Zugangsdaten enthalten.',
    fragment: 'Darf kein Fragment haben.',
    protocol: 'Muss mit https:// beginnen.',
    port: (min) => `Der Port muss 443 oder mindestens ${min} sein.`,
    private: 'Muss aus dem Internet erreichbar sein.',
  },
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

export const problems = {
  WEBHOOK_SIGNATURE_INVALID: {
    title: 'Webhook-Signatur ungültig',
    detail:
      'Die Signatur fehlt, ist falsch oder zu alt. Prüfen Sie das Geheimnis und die Uhr des Absenders, und signieren Sie den Body erneut.',
  },
};
