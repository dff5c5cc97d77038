import { describe, expect, it } from '@jest/globals';
import { negotiateLocale } from './locales.ts';

describe('negotiateLocale', () => {
  it.each([
    [undefined, 'en'],
    ['', 'en'],
    ['de', 'de'],
    ['DE-at', 'de'],
    ['de-CH, en;q=0.9', 'de'],
    ['de;q=0.5, en;q=0.8', 'en'],
    ['en;q=0.5, de;q=0.8', 'de'],
    ['fr, de;q=0.1', 'de'],
    ['fr', 'en'],
    ['de;q=0', 'en'],
    ['*', 'en'],
    ['en;q=0, *', 'de'],
    ['not a language;;;q=x,,', 'en'],
    [`${'a,'.repeat(4_000)}de`, 'de'],
  ])('chooses the language of the reader: %s', (header, locale) => {
    expect(negotiateLocale(header, 'en')).toBe(locale);
  });

  it('chooses the fallback for equal weights and for *', () => {
    expect(negotiateLocale('*', 'de')).toBe('de');
    expect(negotiateLocale('fr', 'de')).toBe('de');
  });
});
