/*
 * A browser client for the API. Copy this file to your own application.
 *
 * - The access token is kept in a variable of this module. In localStorage, an injected script could read and send it
 *   at any time.
 * - The refresh token is in an HttpOnly cookie. An injected script can use the session while the page is open, but
 *   can't steal the token.
 * - A reload therefore starts without an access token, and gets one by refreshing.
 */

/** Origin of the API. Empty: the origin of the page. Browsers send the cookie only if both are on the same site. */
const API = '';

let accessToken;
let refreshing;
let onSessionChange = () => {};

/** `listener` is called when a session starts, ends or is replaced. It should render everything again. */
export function watchSession(listener) {
  onSessionChange = listener;
}

/** All tabs share one cookie, so they notify each other of sign-ins and sign-outs. */
const tabs = new BroadcastChannel('session');
tabs.addEventListener('message', () => {
  accessToken = undefined;
  onSessionChange();
});

function sessionHasChanged() {
  // eslint-disable-next-line unicorn/require-post-message-target-origin -- a channel reaches its own origin only
  tabs.postMessage('changed');
  onSessionChange();
}

/** An error response. Use `code` in conditions, and show `message` to people. */
export class ApiError extends Error {
  constructor(status, { title, detail, details = [], code }) {
    super([title, detail, ...details.map((one) => one.message)].filter(Boolean).join(' '));
    this.status = status;
    this.code = code;
  }
}

/** Resolves to the `data` of the response. */
export async function request(method, path, body) {
  return (await contentOf(await fetchSignedIn(path, json(method, body)))).data;
}

/** A page of a list: `data` and `meta`. */
export async function requestPage(path) {
  return (await fetchSignedIn(path)).json();
}

/** Resolves to the response itself, for files and streams. `options` are those of fetch. */
export async function fetchSignedIn(path, options) {
  const usedToken = accessToken ?? (await refresh());
  try {
    return await send(path, options, usedToken);
  } catch (error) {
    if (error.status !== 401) throw error;
    // The token has expired or its session was revoked. A 401 changed nothing, so even a POST can be repeated, once.
    const isNewer = accessToken !== undefined && accessToken !== usedToken;
    const newToken = isNewer ? accessToken : await refresh();
    // Another user has signed in in another tab. Never continue one user's request as another.
    if (subjectOf(newToken) !== subjectOf(usedToken)) throw error;
    return send(path, options, newToken);
  }
}

/** For requests without a session. */
export async function publicRequest(method, path, body) {
  return (await contentOf(await send(path, json(method, body)))).data;
}

/** Whether this browser has a session. Call it first when a page loads. */
export async function restoreSession() {
  try {
    accessToken ??= await refresh();
    return true;
  } catch (error) {
    if (error.status === 401) return false;
    throw error;
  }
}

/** For a stream that ended with its token or session: gets a new token, or throws 401 if the session is over. */
export async function renewSession() {
  await refresh();
}

export async function signIn(email, password) {
  await startSession('/v1/auth/login', { email, password });
}

/** Verifies the email of a new account and signs in. `token` comes from the link in the mail. */
export async function verifyEmail(token, password) {
  await startSession('/v1/auth/verify-email', { token, password });
}

/** Completes a sign-in with a provider. `code` comes from the query of the redirect. */
export async function exchange(code) {
  await startSession('/v1/auth/oauth/exchange', { code });
}

async function startSession(path, body) {
  const response = await publicRequest('POST', path, { ...body, refreshTokenIn: 'cookie' });
  accessToken = response.accessToken;
  sessionHasChanged();
}

export async function signOut() {
  try {
    await request('POST', '/v1/auth/logout');
  } catch (error) {
    // 401: the session was already over. After any other error it still exists, and the user must know that.
    if (error.status !== 401) throw error;
  }
  accessToken = undefined;
  sessionHasChanged();
}

/**
 * Parallel calls share one refresh. Tabs that refresh at the same time get the same new token, because the server has a
 * grace period of some seconds.
 */
function refresh() {
  refreshing ??= fetchAccessToken().finally(() => (refreshing = undefined));
  return refreshing;
}

async function fetchAccessToken() {
  const oldToken = accessToken;
  try {
    const response = await publicRequest('POST', '/v1/auth/refresh', { refreshTokenIn: 'cookie' });
    accessToken = response.accessToken;
  } catch (error) {
    // Only 401 means that the session is over. An unreachable or busy server does not end it.
    if (error.status === 401) accessToken = undefined;
    if (error.status === 401 && oldToken) onSessionChange();
    throw error;
  }
  if (oldToken && subjectOf(oldToken) !== subjectOf(accessToken)) onSessionChange();
  return accessToken;
}

const json = (method, body) => ({
  method,
  ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
});

async function send(path, options = {}, token) {
  const response = await fetch(API + path, {
    ...options,
    // Needed only for an API on another origin.
    credentials: 'include',
    headers: { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) },
  });
  if (response.ok) return response;
  throw new ApiError(response.status, { title: response.statusText, ...(await contentOf(response)) });
}

/** Empty if the response has no JSON, for example a 204. */
const contentOf = (response) => response.json().catch(() => ({}));

/** The user id in a token, for comparison only. A page can't and need not verify it. */
function subjectOf(token) {
  const [, payload] = token.split('.');
  return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))).sub;
}
