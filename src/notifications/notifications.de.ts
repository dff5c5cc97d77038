import type { en } from './notifications.texts.ts';

export const de: typeof en = {
  jobCompleted: (jobType) => ({
    title: 'Job abgeschlossen',
    body: `Der Job „${jobType}“ ist abgeschlossen.`,
  }),
  jobFailed: (jobType, message) => ({
    title: 'Job fehlgeschlagen',
    body: message
      ? `Der Job „${jobType}“ ist fehlgeschlagen: ${message}`
      : `Der Job „${jobType}“ ist fehlgeschlagen.`,
  }),
  unknown: { title: 'Neue Benachrichtigung', body: '' },
};
