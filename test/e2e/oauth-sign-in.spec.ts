import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { TestApp } from '../support/app.ts';
import { Browser, locationOf } from '../support/browser.ts';
import type { Person, ProviderName } from '../support/providers/person.ts';
import { type Providers, startProviders } from '../support/providers/providers.ts';

let providers: Providers;
let app: TestApp;

beforeAll(async () => {
  providers = await startProviders();
  app = await TestApp.start({ settings: providers.settings });
});

afterEach(() => providers.control.reset());

afterAll(async () => {
  await app.stop();
  await providers.stop();
});

const everyProvider: ProviderName[] = ['google', 'github', 'apple'];

describe('Signing in with a provider', () => {
  it.each(everyProvider)('makes an account at the first sign-in with %s', async (provider) => {
    const subject = provider === 'github' ? '123456' : randomUUID();
    const email = `${randomUUID()}@example.com`;
    providers.control.person(provider, { subject, email, emailVerified: true, name: 'Ada Lovelace' });
    const person = await new Browser(app).signIn(provider);
    expect(person.user).toMatchObject({ email, emailVerified: true, displayName: 'Ada Lovelace' });
  });
});
