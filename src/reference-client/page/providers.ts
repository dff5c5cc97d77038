import { createBrowserClient } from '../../../clients/typescript/src/browser.ts';
import type { components } from '../../../clients/typescript/src/index.ts';
import { language } from './language.ts';

/** The session of this browser. All parts of the page share it. */
export const api = createBrowserClient({ language });

type Provider = components['schemas']['Provider'];
export type ProviderName = Provider['provider'];

const NAMES: Partial<Record<string, string>> = { google: 'Google', github: 'GitHub', apple: 'Apple' };

/** A provider sign-in returns to this page, with `code`, `linked` or `error` in the query. */
export const pageUrl = (): string => `${location.origin}/reference-client/`;

export const nameOf = (provider: string): string => NAMES[provider] ?? provider;

/** The providers for which the server has credentials. */
export const listProviders = async (): Promise<Provider[]> => (await api.get('/v1/auth/oauth')).data;

/** The page must navigate to the provider, whose pages can be neither framed nor fetched. */
export function signInWith({ url }: Provider): void {
  location.assign(`${url}?${new URLSearchParams({ returnTo: pageUrl() })}`);
}

/** Starts with a request, because a link can't send the access token. */
export async function link(provider: ProviderName): Promise<void> {
  const options = { params: { path: { provider } }, body: { returnTo: pageUrl() } };
  const { data } = await api.post('/v1/auth/oauth/{provider}/link', options);
  location.assign(data.authorizationUrl);
}
