import { describe, expect, it } from '@jest/globals';
import { containsEmail } from './passwords.schemas.ts';

describe('containsEmail', () => {
  it.each([
    ['contains the name part', 'my-Walter.White-password', 'walter.white@example.com'],
    ['contains the name part without its label', 'my-walter.white-password', 'walter.white+shop@example.com'],
  ])('is true if the password %s', (_what, password, email) => {
    expect(containsEmail(password, email)).toBe(true);
  });

  it('ignores a name part shorter than four characters', () => {
    expect(containsEmail('balustrade of bob', 'bob@example.com')).toBe(false);
  });
});
