import { publicRequest, request } from './api.js';

const NAMES = { google: 'Google', github: 'GitHub', apple: 'Apple' };

/** A provider sign-in returns to this page, with `code`, `linked` or `error` in the query. */
export const pageUrl = () => `${location.origin}/reference-client/`;

export const nameOf = (provider) => NAMES[provider] ?? provider;

/** The providers for which the server has credentials. */
export const listProviders = () => publicRequest('GET', '/v1/auth/oauth');

/** The page must navigate to the provider, whose pages can be neither framed nor fetched. */
export function signInWith({ url }) {
  location.assign(`${url}?${new URLSearchParams({ returnTo: pageUrl() })}`);
}

/** Starts with a request, because a link can't send the access token. */
export async function link(provider) {
  const path = `/v1/auth/oauth/${provider}/link`;
  const { authorizationUrl } = await request('POST', path, { returnTo: pageUrl() });
  location.assign(authorizationUrl);
}
