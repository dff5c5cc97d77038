import type { en } from './auth.texts.ts';

const notYou =
  'Wenn Sie das nicht waren, wählen Sie jetzt ein neues Passwort: mit „Passwort vergessen“ auf der Anmeldeseite.';

export const de: typeof en = {
  emailInvalid: 'Die E-Mail-Adresse vom Anbieter hat ein ungültiges Format. Melden Sie sich anders an.',
  appleKeysMissing: (seconds) =>
    `Die Signaturschlüssel von Apple können nicht geladen werden. Versuchen Sie es in ${seconds} Sekunden erneut.`,
  originMissing:
    'Eine Erneuerung mit dem Cookie braucht den Header Origin mit einer erlaubten Herkunft (CORS_ORIGINS).',
  sessionsUnknown:
    'Der Server kann Sitzungen gerade nicht prüfen. Versuchen Sie es in einigen Sekunden erneut.',
  tooManyPasswords: (seconds) =>
    `Zu viele falsche Passwörter. Versuchen Sie es in ${seconds} Sekunden erneut, oder setzen Sie das Passwort zurück.`,
  hasherBusy: 'Zu viele Passwortprüfungen warten. Versuchen Sie es in einigen Sekunden erneut.',
  passwords: {
    invalidText: 'Darf weder NUL noch ein halbes Surrogatpaar enthalten.',
    tooShort: (min) => `Muss mindestens ${min} Zeichen haben.`,
    tooLong: (max) => `Darf höchstens ${max} Zeichen haben.`,
    tooCommon: 'Ist zu leicht zu erraten. Wählen Sie ein anderes Passwort.',
    containsEmail: 'Darf Ihre E-Mail-Adresse nicht enthalten.',
  },
  mails: {
    verifyEmail: {
      subject: 'Bestätigen Sie Ihre E-Mail-Adresse',
      paragraphs: [
        'Mit dieser E-Mail-Adresse wurde ein Konto registriert. Wenn Sie das waren, öffnen Sie den Link und geben Sie das Passwort ein, das Sie gewählt haben. Der Link gilt 24 Stunden.',
        'Wenn Sie das nicht waren, ignorieren Sie diese E-Mail. Wenn Sie das Passwort nicht kennen, wählen Sie mit „Passwort vergessen“ ein neues.',
      ],
      action: 'E-Mail-Adresse bestätigen',
    },
    alreadyRegistered: {
      subject: 'Sie haben schon ein Konto',
      paragraphs: [
        'Jemand wollte sich mit dieser E-Mail-Adresse registrieren, aber sie hat schon ein Konto. Es wurde nichts geändert.',
        'Wenn Sie das waren, melden Sie sich an. Wenn Sie das Passwort nicht kennen, nutzen Sie „Passwort vergessen“. Wenn Sie das nicht waren, ignorieren Sie diese E-Mail.',
      ],
    },
    resetPassword: {
      subject: 'Wählen Sie ein neues Passwort',
      paragraphs: [
        'Für das Konto mit dieser E-Mail-Adresse wurde ein neues Passwort angefordert. Wenn Sie das waren, öffnen Sie den Link. Er gilt 30 Minuten.',
        'Wenn Sie das nicht waren, ignorieren Sie diese E-Mail. Ihr Passwort wurde nicht geändert.',
      ],
      action: 'Neues Passwort wählen',
    },
    confirmEmailChange: {
      subject: 'Bestätigen Sie Ihre neue E-Mail-Adresse',
      paragraphs: [
        'Jemand möchte diese E-Mail-Adresse für sein Konto verwenden. Wenn Sie das waren, öffnen Sie den Link. Er gilt eine Stunde.',
        'Wenn Sie das nicht waren, ignorieren Sie diese E-Mail.',
      ],
      action: 'E-Mail-Adresse bestätigen',
    },
    linkedIdentities: (providers) => ({
      subject: 'Prüfen Sie, wie man sich mit Ihrem Konto anmelden kann',
      paragraphs: [
        'Das Passwort Ihres Kontos wurde zurückgesetzt. Mit diesen verknüpften Konten kann man sich weiterhin anmelden:',
        providers,
        'Wenn eines davon nicht Ihnen gehört, öffnen Sie die Kontoeinstellungen und entfernen Sie die Verknüpfung.',
      ],
      action: 'Kontoeinstellungen öffnen',
    }),
  },
  alerts: {
    'password-changed': {
      mail: {
        subject: 'Ihr Passwort wurde geändert',
        paragraphs: ['Das Passwort Ihres Kontos wurde geändert. Andere Geräte wurden abgemeldet.', notYou],
      },
      notification: {
        title: 'Ihr Passwort wurde geändert',
        body: 'Andere Geräte wurden abgemeldet. Wenn Sie das nicht waren, wählen Sie jetzt ein neues Passwort.',
      },
    },
    'email-changed': {
      mail: {
        subject: 'Ihre E-Mail-Adresse wurde geändert',
        paragraphs: [
          'Ihr Konto hat jetzt eine andere E-Mail-Adresse. Mit dieser können Sie sich nicht mehr anmelden. Alle Geräte wurden abgemeldet.',
          'Wenn Sie das nicht waren, antworten Sie jetzt auf diese E-Mail.',
        ],
      },
      notification: {
        title: 'Ihre E-Mail-Adresse wurde geändert',
        body: 'Mit der alten E-Mail-Adresse kann man sich nicht mehr anmelden. Alle Geräte wurden abgemeldet.',
      },
    },
    'identity-linked': {
      mail: {
        subject: 'Ein Konto zur Anmeldung wurde verknüpft',
        paragraphs: [
          'Ein Konto bei einem Anmeldedienst wurde mit Ihrem Konto verknüpft. Man kann sich jetzt damit anmelden.',
          'Wenn Sie das nicht waren, entfernen Sie die Verknüpfung in den Kontoeinstellungen und wählen Sie ein neues Passwort.',
        ],
      },
      notification: {
        title: 'Ein Konto zur Anmeldung wurde verknüpft',
        body: 'Wenn Sie das nicht waren, entfernen Sie die Verknüpfung in den Kontoeinstellungen und wählen Sie ein neues Passwort.',
      },
    },
    'identity-unlinked': {
      mail: {
        subject: 'Eine Verknüpfung zur Anmeldung wurde entfernt',
        paragraphs: [
          'Die Verknüpfung mit einem Konto bei einem Anmeldedienst wurde entfernt. Andere Geräte wurden abgemeldet.',
          notYou,
        ],
      },
      notification: {
        title: 'Eine Verknüpfung zur Anmeldung wurde entfernt',
        body: 'Andere Geräte wurden abgemeldet. Wenn Sie das nicht waren, wählen Sie jetzt ein neues Passwort.',
      },
    },
    'refresh-token-reused': {
      mail: {
        subject: 'Ein Gerät wurde zu Ihrer Sicherheit abgemeldet',
        paragraphs: [
          'Ein Refresh-Token einer Ihrer Sitzungen wurde zweimal verwendet. Das geschieht, wenn das Token kopiert wurde. Die Sitzung wurde beendet.',
          'Melden Sie sich wieder an. Wenn Sie glauben, dass Ihre Sitzung kopiert wurde, ändern Sie Ihr Passwort.',
        ],
      },
      notification: {
        title: 'Ein Gerät wurde zu Ihrer Sicherheit abgemeldet',
        body: 'Ein Refresh-Token einer Ihrer Sitzungen wurde zweimal verwendet. Wenn Sie vermuten, dass es kopiert wurde, ändern Sie Ihr Passwort.',
      },
    },
  },
};

export const problems = {
  TOKEN_INVALID: {
    title: 'Token ungültig',
    detail: 'Das Token ist ungültig oder abgelaufen. Fordern Sie ein neues an.',
  },
  INVALID_CREDENTIALS: {
    title: 'Anmeldedaten falsch',
    detail:
      'E-Mail-Adresse oder Passwort ist falsch. Versuchen Sie es erneut, oder setzen Sie das Passwort zurück.',
  },
  REFRESH_TOKEN_INVALID: {
    title: 'Refresh-Token ungültig',
    detail: 'Das Refresh-Token ist ungültig, oder seine Sitzung ist beendet. Melden Sie sich erneut an.',
  },
  REFRESH_TOKEN_REUSED: {
    title: 'Refresh-Token wiederverwendet',
    detail:
      'Das Refresh-Token wurde schon verwendet. Darum wurde seine Sitzung beendet. Melden Sie sich erneut an.',
  },
  EMAIL_NOT_VERIFIED: {
    title: 'E-Mail-Adresse nicht bestätigt',
    detail: 'Öffnen Sie zuerst den Link in der Bestätigungsmail, oder fordern Sie eine neue an.',
  },
  ACCOUNT_SUSPENDED: {
    title: 'Konto gesperrt',
    detail: 'Ein Administrator hat dieses Konto gesperrt. Wenden Sie sich an einen Administrator.',
  },
  WRONG_PASSWORD: {
    title: 'Passwort falsch',
    detail:
      'Das aktuelle Passwort ist falsch oder fehlt. Versuchen Sie es erneut, oder setzen Sie das Passwort zurück.',
  },
  EMAIL_TAKEN: {
    title: 'E-Mail-Adresse vergeben',
    detail: 'Ein anderes Konto verwendet diese E-Mail-Adresse. Wählen Sie eine andere.',
  },
};
