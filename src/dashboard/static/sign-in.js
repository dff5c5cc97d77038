/*
 * The sign-in page of the dashboard. A browser that is signed in to the reference client opens the dashboard without a
 * password. The page also serves the sign-out path.
 */

const BOARD = '/admin/queues';
const SIGN_OUT = `${BOARD}/sign-out`;
const SESSION = '/v1/admin/queues/session';
/** If the dashboard sends the browser back within this time, ask for a password instead of a reload loop. */
const RELOAD_LOOP_MS = 10_000;

const [signIn, signOut] = ['sign-in', 'sign-out'].map((id) => document.getElementById(id));

async function call(method, path, { token, body } = {}) {
  const response = await fetch(path, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const content = await response.json().catch(() => ({}));
  if (response.ok) return content.data;
  const { title = response.statusText, detail = title, code } = content;
  throw Object.assign(new Error(detail), { status: response.status, code });
}

/** Uses the session of this browser. The refresh token stays in its cookie. */
async function refreshAccessToken() {
  const body = { refreshTokenIn: 'cookie' };
  return (await call('POST', '/v1/auth/refresh', { body })).accessToken;
}

async function openDashboard(token) {
  await call('POST', SESSION, { token });
  sessionStorage.setItem('openedAt', String(Date.now()));
  if (location.pathname === SIGN_OUT) location.replace(BOARD);
  else location.reload();
}

async function openWithPassword() {
  const { email, password } = Object.fromEntries(new FormData(signIn));
  const body = { email, password, refreshTokenIn: 'cookie' };
  const { accessToken: token } = await call('POST', '/v1/auth/login', { body });
  try {
    await openDashboard(token);
  } catch (error) {
    // The session was created only for the dashboard.
    await call('POST', '/v1/auth/logout', { token });
    throw error;
  }
}

async function signOutOfDashboard() {
  // First, and without a token, because the refresh token may belong to another account or be missing.
  await call('DELETE', SESSION);
  try {
    const token = await refreshAccessToken();
    await call('POST', '/v1/auth/logout', { token });
  } catch (error) {
    if (error.status !== 401) throw error;
  }
}

function showMessage(text) {
  document.getElementById('message').textContent = text;
}

const messageOf = ({ code, message }) =>
  code === 'FORBIDDEN' ? 'This account is not an administrator.' : message;

function show(form, other) {
  form.hidden = false;
  other.hidden = true;
  form.elements[0].focus();
}

function onSubmit(form, action) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    action().catch((error) => {
      showMessage(messageOf(error));
      form.elements[0].focus();
    });
  });
}

onSubmit(signIn, openWithPassword);
onSubmit(signOut, async () => {
  await signOutOfDashboard();
  showMessage('Signed out.');
  show(signIn, signOut);
});

if (location.pathname === SIGN_OUT) show(signOut, signIn);
else {
  const wasJustOpened = Date.now() - Number(sessionStorage.getItem('openedAt')) < RELOAD_LOOP_MS;
  try {
    if (wasJustOpened) show(signIn, signOut);
    else await openDashboard(await refreshAccessToken());
  } catch (error) {
    // 401: the browser is not signed in, which needs no message.
    if (error.status !== 401) showMessage(messageOf(error));
    show(signIn, signOut);
  }
}
