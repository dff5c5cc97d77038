import { TestApp, type TestAppOptions } from './app.ts';
import type { Person, ProviderName } from './providers/person.ts';
import { type Providers, startProviders } from './providers/providers.ts';

export const everyProvider: ProviderName[] = ['google', 'github', 'apple'];

export interface OAuthApp {
  app: TestApp;
  providers: Providers;
  /** Sets the person who signs in at a provider. */
  person: (provider: ProviderName, person: Person) => void;
  stop: () => Promise<void>;
}

/** The application with all three fake providers. */
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
