import { hash } from '@node-rs/argon2';
import { randomUUID } from 'node:crypto';
import { UsersService } from '../../src/users/users.service.ts';
import type { TestApp } from '../support/app.ts';

export interface NewTestUser {
  email: string;
  password: string;
  displayName: string;
  role: string;
  status: 'active' | 'suspended';
  emailVerifiedAt: Date | null;
}

export const DEFAULT_PASSWORD = 'correct horse battery';

/** The hash parameters of the test applications. The password tests use those of production. */
export const CHEAP_HASH = { memoryCost: 8, timeCost: 1, parallelism: 1 };

/**
 * Creates a verified, active account through the service, so that features react to it. `password: null` is an account that
 * signs in through a provider only.
 */
export async function createUser<Password extends string | null = string>(
  app: TestApp,
  overrides: Partial<Omit<NewTestUser, 'password'>> & { password?: Password } = {},
) {
  const { password = DEFAULT_PASSWORD as Password, ...rest } = overrides;
  const account = {
    email: `user-${randomUUID()}@example.com`,
    displayName: 'Test User',
    emailVerifiedAt: new Date(),
    passwordHash: password === null ? null : await hash(password, CHEAP_HASH),
    ...rest,
  };
  const { user, isNew } = await app.db.transaction((tx) =>
    app.api.get(UsersService).createUnlessTaken(account, tx),
  );
  if (!isNew) throw new Error(`An account with the email ${account.email} exists`);
  return { user, password };
}
