import { containsEmail } from './password.schema.ts';
import { describe, expect, it } from '@jest/globals';

describe('a password that holds the address', () => {
  it.each([
    ['its name', 'my-Walter.White-password', 'walter.white@example.com'],
    ['its name without the label', 'my-walter.white-password', 'walter.white+shop@example.com'],
  ])('is found by %s', (_what, password, email) => {
    expect(containsEmail(password, email)).toBe(true);
  });

  it('is not found by a name so short that it stands in many words', () => {
    expect(containsEmail('balustrade of bob', 'bob@example.com')).toBe(false);
  });
});
