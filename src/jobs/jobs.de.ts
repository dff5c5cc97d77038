export const problems = {
  JOB_NOT_CANCELLABLE: {
    title: 'Job nicht abbrechbar',
    detail: 'Der Job ist schon beendet. Nur ein wartender oder laufender Job kann abgebrochen werden.',
  },
  JOB_NOT_RETRYABLE: {
    title: 'Job nicht wiederholbar',
    detail:
      'Nur ein fehlgeschlagener oder abgebrochener Job kann wiederholt werden, und nur solange kein anderer Job seinen Schlüssel hat. Warten Sie, bis der Job beendet ist, oder starten Sie einen neuen.',
  },
  JOB_NOT_FINISHED: {
    title: 'Job nicht beendet',
    detail: 'Der Job hat noch kein Ergebnis. Warten Sie, bis sein Status completed ist.',
  },
};
