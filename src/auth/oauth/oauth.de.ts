export const problems = {
  RETURN_TO_NOT_ALLOWED: {
    title: 'Rückkehr-URL nicht erlaubt',
    detail: 'returnTo muss eine URL einer erlaubten Herkunft sein (OAUTH_RETURN_TO_ALLOWLIST).',
  },
  OAUTH_STATE_INVALID: {
    title: 'Anmeldevorgang ungültig',
    detail:
      'Diese Anmeldung wurde in einem anderen Browser begonnen, ist schon beendet oder abgelaufen. Beginnen Sie von vorn.',
  },
  LAST_SIGN_IN_METHOD: {
    title: 'Letzte Anmeldemöglichkeit',
    detail:
      'Das Konto hätte keine Anmeldemöglichkeit mehr. Setzen Sie zuerst ein Passwort, oder verknüpfen Sie einen anderen Anbieter.',
  },
  ACCESS_DENIED: {
    title: 'Zugriff verweigert',
    detail: 'Die Anmeldung wurde abgebrochen, oder das Konto ist gesperrt.',
  },
  EMAIL_UNVERIFIED: {
    title: 'E-Mail-Adresse beim Anbieter nicht bestätigt',
    detail: 'Bestätigen Sie Ihre E-Mail-Adresse beim Anbieter, und melden Sie sich dann erneut an.',
  },
  ACCOUNT_EXISTS: {
    title: 'Konto vorhanden',
    detail:
      'Ein Konto mit dieser E-Mail-Adresse ist vorhanden. Melden Sie sich damit an, und verknüpfen Sie dann den Anbieter.',
  },
  IDENTITY_CONFLICT: {
    title: 'Anbieterkonto vergeben',
    detail:
      'Dieses Anbieterkonto gehört zu einem anderen Konto, oder Ihr Konto hat ein anderes. Entfernen Sie zuerst die Verknüpfung.',
  },
  PROVIDER_ERROR: {
    title: 'Fehler beim Anbieter',
    detail: 'Die Antwort des Anbieters war nicht verwendbar. Versuchen Sie es erneut.',
  },
  PROVIDER_UNAVAILABLE: {
    title: 'Anbieter nicht erreichbar',
    detail: 'Der Anbieter antwortet nicht. Versuchen Sie es in einigen Sekunden erneut.',
  },
};
