import { hash } from '@node-rs/argon2';
import { randomUUID, randomUUIDv7 } from 'node:crypto';
import { User } from '../../src/users/user.entity.ts';
import type { TestApp } from '../support/app.ts';

export interface NewTestUser {
  email: string;
  password: string;
  displayName: string;
  role: 'user' | 'admin';
  status: 'active' | 'suspended';
  emailVerifiedAt: Date | null;
}

export const DEFAULT_PASSWORD = 'correct horse battery';

/** The parameters of the test applications. The password tests use those of production. */
export const CHEAP_HASH = { memoryCost: 8, timeCost: 1, parallelism: 1 };

/** Creates a verified, active account. `password: null` is an account that signs in through a provider only. */
export async function createUser<Password extends string | null = string>(
  app: TestApp,
  overrides: Partial<Omit<NewTestUser, 'password'>> & { password?: Password } = {},
) {
  const { password = DEFAULT_PASSWORD as Password, ...rest } = overrides;
  const user = app.db.getRepository(User).create({
    id: randomUUIDv7(),
    email: `user-${randomUUID()}@example.com`,
    displayName: 'Test User',
    emailVerifiedAt: new Date(),
    passwordHash: password === null ? null : await hash(password, CHEAP_HASH),
    ...rest,
  });
  await app.db.getRepository(User).insert(user);
  return { user: await app.db.getRepository(User).findOneByOrFail({ id: user.id }), password };
}
