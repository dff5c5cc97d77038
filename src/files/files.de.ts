import type { en } from './files.texts.ts';

export const de: typeof en = {
  tooLarge: (max) => `Die Datei darf höchstens ${max} Bytes haben.`,
};

export const problems = {
  FILE_NOT_UPLOADED: {
    title: 'Datei nicht hochgeladen',
    detail:
      'Der Dateispeicher hat die Datei noch nicht. Laden Sie sie zu der URL aus ihrer Anlage hoch, und schließen Sie sie dann ab.',
  },
  FILE_CONTENT_INVALID: {
    title: 'Dateiinhalt ungültig',
    detail:
      'Der Inhalt passt nicht zum angegebenen Typ oder zur angegebenen Größe, deshalb wurde die Datei gelöscht. Legen Sie eine neue Datei an.',
  },
  FILE_NOT_USABLE: {
    title: 'Datei nicht verwendbar',
    detail:
      'Sie haben keine Datei mit dieser id, die bereit ist, den richtigen Zweck hat und nicht verwendet wird. Laden Sie eine neue Datei hoch.',
  },
  FILE_IN_USE: {
    title: 'Datei in Verwendung',
    detail: 'Die Datei gehört zu einer anderen Ressource. Entfernen Sie sie dort.',
  },
  FILE_QUOTA_EXCEEDED: {
    title: 'Speicherplatz überschritten',
    detail:
      'Ihre Dateien würden mehr Platz brauchen, als Sie belegen dürfen. Löschen Sie eine Datei, und versuchen Sie es nach einer Minute wieder.',
  },
  FILE_URL_INVALID: {
    title: 'Datei-URL ungültig',
    detail:
      'Die URL ist abgelaufen oder wurde verändert, oder die Datei hat einen anderen Typ oder eine andere Größe als angegeben. Fordern Sie eine neue URL an.',
  },
  FILE_STORAGE_UNAVAILABLE: {
    title: 'Dateispeicher nicht verfügbar',
    detail:
      'Der Dateispeicher ist zurzeit nicht verfügbar. Warten Sie die Sekunden aus dem Header Retry-After, und versuchen Sie es wieder.',
  },
};
