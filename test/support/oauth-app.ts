import { TestApp, type TestAppOptions } from './app.ts';
import type { Person, ProviderName } from './providers/person.ts';
import { type Providers, startProviders } from './providers/providers.ts';

export const everyProvider: ProviderName[] = ['google', 'github', 'apple'];

export interface OAuthApp {
  app: TestApp;
  providers: Providers;
  /** Says who signs in at a provider from now on. */
  person: (provider: ProviderName, person: Person) => void;
  stop: () => Promise<void>;
}

/** The application with all three providers, which are fake providers. */
export async function startOAuthApp(options: TestAppOptions = {}): Promise<OAuthApp> {
  const providers = await startProviders();
  const app = await TestApp.start({
    ...options,
    settings: { ...providers.settings, ...(options.settings as Record<string, string> | undefined) },
  });
  return {
    app,
    providers,
    person: (provider, person) => providers.control.person(provider, person),
    stop: async () => {
      await app.stop();
      await providers.stop();
    },
  };
}
