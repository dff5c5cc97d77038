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

/** The cheapest parameters there are: the tests of passwords make their own. */
const CHEAP = { memoryCost: 8, timeCost: 1, parallelism: 1 };

/** An account that may sign in, unless told otherwise. */
export async function createUser(app: TestApp, overrides: Partial<NewTestUser> = {}) {
  const { password = 'correct horse battery', ...rest } = overrides;
  const user = app.db.getRepository(User).create({
    id: randomUUIDv7(),
    email: `user-${randomUUID()}@example.com`,
    displayName: 'Test User',
    emailVerifiedAt: new Date(),
    passwordHash: await hash(password, CHEAP),
    ...rest,
  });
  await app.db.getRepository(User).insert(user);
  return { user: await app.db.getRepository(User).findOneByOrFail({ id: user.id }), password };
}
