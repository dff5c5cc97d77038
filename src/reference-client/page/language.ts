import type { Locale, Translated } from '../../platform/i18n/locales.ts';
import { referenceClientTexts } from '../reference-client.texts.ts';

/** The server chose it by `Accept-Language`. */
const served = document.documentElement.lang as Locale;
let current = served;

/** Also sent to the API, so that its errors have the language of the page. */
export const language = (): Locale => current;

/** The texts of a catalogue in the language of the page. */
export const translate = <Texts>(texts: Translated<Texts>): Texts => texts[current];

export const texts = () => translate(referenceClientTexts);

/** The language of the user. Without one, or with that of a newer server, it is the one that the server chose. */
export function setLanguage(locale: string | null): void {
  current = locale && locale in referenceClientTexts ? (locale as Locale) : served;
  const { title, introduction } = texts();
  document.documentElement.lang = current;
  document.title = title;
  document.querySelector('h1')!.textContent = title;
  document.querySelector('header p')!.textContent = introduction;
}
