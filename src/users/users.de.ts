import type { en } from './users.texts.ts';

export const de: typeof en = {
  emptyFile: 'Die Datei ist leer.',
  notUtf8: 'Die Datei ist nicht in UTF-8.',
  wrongHeader: (line) =>
    `Die erste Zeile muss email,displayName oder email,displayName,role sein, durch Kommas getrennt. Sie ist ${line}.`,
};

export const problems = {
  LAST_ADMIN: {
    title: 'Letzter Administrator',
    detail:
      'Dies ist der letzte aktive Administrator. Geben Sie zuerst einem anderen Benutzer die Rolle admin.',
  },
  ROLE_EXCEEDS_YOURS: {
    title: 'Rolle übersteigt die eigene',
    detail: 'Diese Rolle hat Berechtigungen, die Sie nicht haben. Fragen Sie einen Benutzer, der sie hat.',
  },
  IMPORT_FILE_INVALID: {
    title: 'Importdatei ungültig',
    detail: 'Die Datei muss CSV in UTF-8 mit den Spalten email, displayName und wahlweise role sein.',
  },
};
