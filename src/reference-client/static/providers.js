import { publicRequest, request } from './api.js';

const NAMES = { google: 'Google', github: 'GitHub', apple: 'Apple' };

/** Where the journey to a provider ends: here, with `code`, `linked` or `error` in the query. */
export const pageUrl = () => `${location.origin}/reference-client/`;

export const nameOf = (provider) => NAMES[provider] ?? provider;

/** Those that the server has credentials for. */
export const listProviders = () => publicRequest('GET', '/v1/auth/oauth');

/** The whole page has to go there: what a provider shows must not be framed, nor fetched by a script. */
export function signInWith({ url }) {
  location.assign(`${url}?${new URLSearchParams({ returnTo: pageUrl() })}`);
}

/** Begins with a request instead of a link, since a link can't carry the access token. */
export async function link(provider) {
  const path = `/v1/auth/oauth/${provider}/link`;
  const { authorizationUrl } = await request('POST', path, { returnTo: pageUrl() });
  location.assign(authorizationUrl);
}
