import type { en } from './notifications.texts.ts';

export const de: typeof en = {
  title: 'Benachrichtigungen',
  titleUnread: (count) => `Benachrichtigungen (${count} ungelesen)`,
  markAllRead: 'Alle als gelesen markieren',
  markRead: 'Als gelesen markieren',
  markOneRead: (title) => `Als gelesen markieren: ${title}`,
  older: 'Ältere',
  arrived: (title) => `Neu: ${title}`,
  streamEnded: (reason) => `Live-Aktualisierung beendet (${reason}). Laden Sie die Seite neu.`,
};
