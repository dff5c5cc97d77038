import Negotiator from 'negotiator';

/**
 * The languages of mails and errors, as BCP 47 tags. English is the source. After you add one, `npm run check` names each
 * place without its texts (docs/guides/add-a-language.md).
 */
export const LOCALES = ['en', 'de'] as const;

export type Locale = (typeof LOCALES)[number];

/** The languages other than English. */
export type TargetLocale = Exclude<Locale, 'en'>;

/** The same texts in every language. */
export type Translated<Texts> = Record<Locale, Texts>;

/** One text of a catalogue in every language, for code that doesn't know the language of the reader yet. */
export const localize = <Texts>(
  texts: Translated<Texts>,
  pick: (texts: Texts) => string,
): Translated<string> =>
  Object.fromEntries(LOCALES.map((locale) => [locale, pick(texts[locale])])) as Translated<string>;

/** Null if the language is unknown, for example because a release has removed it. */
export const knownLocale = (tag: string | null | undefined): Locale | null =>
  LOCALES.find((locale) => locale === tag) ?? null;

/** The language that fits the header best (RFC 9110, section 12.5.4). `de-AT` gets `de`. */
export function negotiateLocale(acceptLanguage: string | undefined, fallback: Locale): Locale {
  if (acceptLanguage === undefined) return fallback;
  // The fallback is first, because `*` and equal weights choose the first.
  const available = [fallback, ...LOCALES.filter((locale) => locale !== fallback)];
  const negotiator = new Negotiator({ headers: { 'accept-language': acceptLanguage } });
  return knownLocale(negotiator.language(available)) ?? fallback;
}
