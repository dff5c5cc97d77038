export const problems = {
  GRAPHQL_TOO_DEEP: {
    title: 'Operation zu tief',
    detail:
      'Die Felder einer Operation dürfen höchstens 7 Ebenen tief verschachtelt sein. Teilen Sie sie in mehrere Operationen.',
  },
  GRAPHQL_TOO_COSTLY: {
    title: 'Operation zu aufwendig',
    detail:
      'Der Aufwand einer Operation ist die Zahl ihrer Felder, unter einer Liste multipliziert mit `first`. Fordern Sie weniger Felder oder kleinere Seiten an: höchstens 5.000.',
  },
  GRAPHQL_TOO_MANY_ALIASES: {
    title: 'Zu viele Aliasse',
    detail:
      'Eine Operation darf höchstens 15 Aliasse haben, gezählt an jeder Stelle, an der ihre Fragmente verwendet werden. Teilen Sie sie in mehrere Operationen.',
  },
  GRAPHQL_TOO_LARGE: {
    title: 'Dokument zu groß',
    detail:
      'Ein GraphQL-Dokument darf höchstens 1.000 Tokens und 32 KiB haben. Verschieben Sie Werte in Variablen, oder teilen Sie es.',
  },
  GRAPHQL_BATCH_REFUSED: {
    title: 'Stapel abgelehnt',
    detail:
      'Der Body muss eine einzelne GraphQL-Anfrage sein, keine Liste. Senden Sie jede Anfrage für sich.',
  },
  GRAPHQL_UNKNOWN_DOCUMENT: {
    title: 'Dokument unbekannt',
    detail:
      'Dieser Server führt nur registrierte GraphQL-Dokumente aus, und dieses ist nicht registriert. Registrieren Sie es und spielen Sie zuerst die Liste ein.',
  },
  GRAPHQL_INVALID: {
    title: 'GraphQL-Anfrage ungültig',
    detail:
      'Das Dokument oder seine Variablen passen nicht zum Schema. Korrigieren Sie sie und senden Sie die Anfrage erneut.',
  },
};
