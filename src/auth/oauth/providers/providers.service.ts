import { Injectable } from '@nestjs/common';
import { Config } from '../../../platform/config/config.ts';
import { NotFoundError } from '../../../platform/errors/platform.errors.ts';
import type { ProviderName } from '../identity.entity.ts';
import { AppleProvider } from './apple.provider.ts';
import { GithubProvider } from './github.provider.ts';
import { GoogleProvider } from './google.provider.ts';
import type { Provider } from './provider.ts';

/** The providers with credentials. The API hides all others. */
@Injectable()
export class ProvidersService {
  private readonly byName: ReadonlyMap<ProviderName, Provider>;

  constructor(config: Config) {
    const configured = [google(config), github(config), apple(config)].filter(
      (provider) => provider !== null,
    );
    this.byName = new Map(configured.map((provider) => [provider.name, provider]));
  }

  names(): ProviderName[] {
    return [...this.byName.keys()];
  }

  get(name: ProviderName): Provider {
    const provider = this.byName.get(name);
    if (!provider) throw new NotFoundError();
    return provider;
  }
}

// The settings have already checked that credentials are complete.

function google(config: Config): Provider | null {
  const { GOOGLE_CLIENT_ID: clientId, GOOGLE_CLIENT_SECRET: clientSecret } = config;
  if (!clientId || !clientSecret) return null;
  const { GOOGLE_ISSUER: issuer, GOOGLE_HOSTED_DOMAIN: hostedDomain } = config;
  return new GoogleProvider({ issuer, clientId, clientSecret, hostedDomain });
}

function github(config: Config): Provider | null {
  const { GITHUB_CLIENT_ID: clientId, GITHUB_CLIENT_SECRET: clientSecret } = config;
  if (!clientId || !clientSecret) return null;
  return new GithubProvider({
    baseUrl: config.GITHUB_BASE_URL,
    apiUrl: config.GITHUB_API_URL,
    clientId,
    clientSecret,
  });
}

function apple(config: Config): Provider | null {
  const { APPLE_CLIENT_ID: clientId, APPLE_TEAM_ID: teamId } = config;
  const { APPLE_KEY_ID: keyId, APPLE_PRIVATE_KEY: privateKey } = config;
  if (!clientId || !teamId || !keyId || !privateKey) return null;
  return new AppleProvider({ issuer: config.APPLE_ISSUER, clientId, teamId, keyId, privateKey });
}
