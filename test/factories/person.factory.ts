import { randomInt, randomUUID } from 'node:crypto';
import type { Person } from '../support/providers/person.ts';

/** A new person at a provider. The subject is valid at every provider. */
export function newPerson(overrides: Partial<Person> = {}): Person {
  return {
    subject: String(randomInt(1, 2 ** 47)),
    email: `person-${randomUUID()}@example.com`,
    emailVerified: true,
    name: 'Ada Lovelace',
    ...overrides,
  };
}
