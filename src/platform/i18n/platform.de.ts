import { z } from 'zod';
import type { en } from './platform.texts.ts';

export const de: typeof en = {
  zod: z.locales.de().localeError,
  moreFields: (count) => `${count} weitere Felder sind nicht aufgeführt.`,
  unknownProperty: 'Das Feld ist unbekannt.',
  unknownParameter: 'Der Parameter ist unbekannt.',
  expectedOneOf: (values) => `Erlaubt sind: ${[...values].join(', ')}.`,
  invalidText: 'Der Text enthält NUL oder ungültiges Unicode.',
  invalidName: 'Der Name muss eine Zeile mit mindestens einem sichtbaren Zeichen sein.',
  pageTooFar: (max) =>
    `Seitennummern erreichen die ersten ${max} Zeilen. Gehen Sie mit dem Cursor der letzten Seite weiter oder setzen Sie einen Filter.`,
  pageAndCursor: 'Senden Sie entweder `page` oder `cursor`.',
  severalVersions: 'If-Match nennt mehrere Versionen. Senden Sie eine.',
  compressedBody: 'Komprimierte Bodys werden nicht unterstützt. Senden Sie den Body ohne Content-Encoding.',
  wrongMediaType: (sent, expected) =>
    `Diese Route nimmt ${sent} nicht an. Setzen Sie den Content-Type auf ${expected}.`,
  tooDeep: (max) => `Der Body hat mehr als ${max} verschachtelte Ebenen.`,
  tooManyValues: (max) => `Der Body hat mehr als ${max} Werte.`,
  protoKey: 'Der Schlüssel "__proto__" ist nicht erlaubt.',
  visibleButForbidden: 'Sie dürfen diese Ressource sehen, aber dies nicht mit ihr tun.',
};

export const problems = {
  MALFORMED_REQUEST: {
    title: 'Anfrage fehlerhaft',
    detail: 'Die Anfrage konnte nicht gelesen werden. Prüfen Sie URL, Header und Kodierung.',
  },
  MALFORMED_JSON: {
    title: 'JSON fehlerhaft',
    detail: 'Der Body ist kein gültiges JSON in UTF-8. Korrigieren Sie ihn und senden Sie ihn erneut.',
  },
  INVALID_CURSOR: {
    title: 'Cursor ungültig',
    detail: 'Der Cursor gehört nicht zu dieser Liste, Sortierung und Filterung. Beginnen Sie ohne Cursor.',
  },
  INVALID_IDEMPOTENCY_KEY: {
    title: 'Idempotency-Key ungültig',
    detail:
      'Der Header Idempotency-Key muss aus 1 bis 255 druckbaren ASCII-Zeichen bestehen. Eine UUID ist gut geeignet.',
  },
  UNAUTHENTICATED: {
    title: 'Anmeldung erforderlich',
    detail:
      'Das Access-Token fehlt, ist ungültig oder abgelaufen. Melden Sie sich an oder erneuern Sie das Token, und senden Sie es als Bearer-Token.',
  },
  FORBIDDEN: {
    title: 'Nicht erlaubt',
    detail: 'Ihr Konto hat nicht die Rolle, die diese Anfrage braucht.',
  },
  RECENT_SIGN_IN_REQUIRED: {
    title: 'Neue Anmeldung erforderlich',
    detail:
      'Diese Anfrage braucht eine Anmeldung innerhalb der letzten zehn Minuten. Melden Sie sich an und senden Sie sie erneut.',
  },
  NOT_FOUND: {
    title: 'Ressource nicht gefunden',
    detail: 'Die Ressource existiert nicht, oder Sie dürfen sie nicht sehen. Prüfen Sie Pfad und ID.',
  },
  METHOD_NOT_ALLOWED: {
    title: 'Methode nicht erlaubt',
    detail:
      'Die Ressource unterstützt diese Methode nicht. Der Header Allow nennt die unterstützten Methoden.',
  },
  CONFLICT: {
    title: 'Konflikt',
    detail:
      'Die Änderung passt nicht zum aktuellen Zustand der Ressource. Lesen Sie die Ressource und versuchen Sie es erneut.',
  },
  IDEMPOTENCY_IN_PROGRESS: {
    title: 'Anfrage läuft noch',
    detail:
      'Eine Anfrage mit diesem Idempotency-Key läuft noch. Senden Sie sie nach der in Retry-After genannten Zahl von Sekunden erneut.',
  },
  LIMIT_REACHED: {
    title: 'Grenze erreicht',
    detail:
      'Sie haben die größte erlaubte Anzahl dieser Ressourcen. Löschen Sie eine, oder warten Sie, bis eine fertig ist.',
  },
  PRECONDITION_FAILED: {
    title: 'Vorbedingung nicht erfüllt',
    detail:
      'Die Ressource wurde seit der Version in If-Match geändert. Lesen Sie die Ressource und versuchen Sie es erneut.',
  },
  PAYLOAD_TOO_LARGE: {
    title: 'Body zu groß',
    detail: 'Der Body ist größer, als diese Route annimmt. Senden Sie einen kleineren.',
  },
  URI_TOO_LONG: {
    title: 'URL zu lang',
    detail: 'Die URL ist länger, als der Server annimmt. Senden Sie eine kürzere.',
  },
  UNSUPPORTED_MEDIA_TYPE: {
    title: 'Medientyp nicht unterstützt',
    detail:
      'Diese Route nimmt den Content-Type oder das Content-Encoding des Bodys nicht an. Die meisten Routen nehmen nur unkomprimiertes application/json an.',
  },
  VALIDATION_FAILED: {
    title: 'Prüfung fehlgeschlagen',
    detail: 'Einige Felder oder Parameter sind ungültig. Korrigieren Sie die in `details` genannten.',
  },
  IDEMPOTENCY_KEY_REUSED: {
    title: 'Idempotency-Key wiederverwendet',
    detail:
      'Dieser Idempotency-Key wurde schon mit einem anderen Body gesendet. Verwenden Sie für eine neue Anfrage einen neuen.',
  },
  TOO_MANY_MATCHES: {
    title: 'Zu viele Treffer',
    detail:
      'Zu viele Einträge entsprechen der Suche. Geben Sie mehr Buchstaben, Wörter oder einen Filter an.',
  },
  RATE_LIMITED: {
    title: 'Zu viele Anfragen',
    detail:
      'Sie haben zu viele Anfragen gesendet. Warten Sie die im Header Retry-After genannte Zahl von Sekunden.',
  },
  INTERNAL: {
    title: 'Interner Fehler',
    detail:
      'Der Server konnte die Anfrage nicht bearbeiten. Wenn es wieder geschieht, melden Sie die correlationId.',
  },
  UNAVAILABLE: {
    title: 'Dienst nicht verfügbar',
    detail:
      'Ein Teil des Dienstes ist im Moment nicht verfügbar. Warten Sie die im Header Retry-After genannte Zahl von Sekunden und versuchen Sie es erneut.',
  },
};
