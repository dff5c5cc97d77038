/*
 * How a page in a browser talks to the API. This is the file to copy.
 *
 * - The access token lives in a variable of this module: not in localStorage, where every script that ever gets into
 *   the page can read it, and from where it can be carried away.
 * - The refresh token is never seen here: the server keeps it in an HttpOnly cookie. A script that gets in can use the
 *   session while the page is open, but can't take it along.
 * - So a reload starts without an access token, and gets one by refreshing.
 */

/** Origin of the API. Empty: the page's own. Another has to be of the same site, or browsers hold back the cookie. */
const API = '';

let accessToken;
let refreshing;
let onSessionChange = () => {};

/** `listener` is called whenever a session has begun, ended or taken the place of another: show everything anew. */
export function watchSession(listener) {
  onSessionChange = listener;
}

/** All tabs share one cookie, so they have to hear of each other's sign-ins and sign-outs. */
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

/** What the API has refused: `code` is what to switch on, `message` is for people. */
export class ApiError extends Error {
  constructor(status, { title, detail, details = [], code }) {
    super([title, detail, ...details.map((one) => one.message)].filter(Boolean).join(' '));
    this.status = status;
    this.code = code;
  }
}

/** Resolves to the `data` of the answer. */
export async function request(method, path, body) {
  return (await contentOf(await fetchSignedIn(path, json(method, body)))).data;
}

/** A page of a list: `data` and `meta`. */
export async function requestPage(path) {
  return (await fetchSignedIn(path)).json();
}

/** Resolves to the answer itself: for files and streams. `options` are those of fetch. */
export async function fetchSignedIn(path, options) {
  const usedToken = accessToken ?? (await refresh());
  try {
    return await send(path, options, usedToken);
  } catch (error) {
    if (error.status !== 401) throw error;
    // The token has run out, or the session was ended elsewhere: a refresh tells. What was answered 401 was not
    // carried out, so a POST may be repeated too; but once, or it might never end.
    const isNewer = accessToken !== undefined && accessToken !== usedToken;
    const newToken = isNewer ? accessToken : await refresh();
    // What was begun as one person must not go on as another, who has signed in in another tab.
    if (subjectOf(newToken) !== subjectOf(usedToken)) throw error;
    return send(path, options, newToken);
  }
}

/** For what needs no session. */
export async function publicRequest(method, path, body) {
  return (await contentOf(await send(path, json(method, body)))).data;
}

/** Whether somebody is signed in in this browser: the first thing to ask when a page is loaded. */
export async function restoreSession() {
  try {
    accessToken ??= await refresh();
    return true;
  } catch (error) {
    if (error.status === 401) return false;
    throw error;
  }
}

/** For a stream that ended with its token, or its session: gets a new token, or finds that nobody is signed in any more. */
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

/** Completes a sign-in with a provider: `code` has come with the redirect. */
export async function exchange(code) {
  await startSession('/v1/auth/oauth/exchange', { code });
}

async function startSession(path, body) {
  const answer = await publicRequest('POST', path, { ...body, refreshTokenIn: 'cookie' });
  accessToken = answer.accessToken;
  sessionHasChanged();
}

export async function signOut() {
  try {
    await request('POST', '/v1/auth/logout');
  } catch (error) {
    // 401: it had ended already. After any other error it goes on, cookie and all, and who signs out has to know.
    if (error.status !== 401) throw error;
  }
  accessToken = undefined;
  sessionHasChanged();
}

/**
 * Who needs a token while one is being fetched waits for that one, so that ten parallel calls refresh once. Tabs that
 * refresh at the same moment all get the same successor: the server has a grace of some seconds for that.
 */
function refresh() {
  refreshing ??= fetchAccessToken().finally(() => (refreshing = undefined));
  return refreshing;
}

async function fetchAccessToken() {
  const oldToken = accessToken;
  try {
    const answer = await publicRequest('POST', '/v1/auth/refresh', { refreshTokenIn: 'cookie' });
    accessToken = answer.accessToken;
  } catch (error) {
    // Only this means that the session is over. A server that can't be reached, or is busy, ends nothing.
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
  const answer = await fetch(API + path, {
    ...options,
    // The own origin gets its cookies anyway; this is for an API on another one.
    credentials: 'include',
    headers: { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) },
  });
  if (answer.ok) return answer;
  throw new ApiError(answer.status, { title: answer.statusText, ...(await contentOf(answer)) });
}

/** Empty where there is no JSON, as in a 204. */
const contentOf = (answer) => answer.json().catch(() => ({}));

/** Whom a token is for. Only to compare: a page has no way, and no need, to verify it. */
function subjectOf(token) {
  const [, payload] = token.split('.');
  return JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/'))).sub;
}
