/*
 * Shown at the address of the dashboard to whoever may not see it. Who is signed in in this browser already, here or in
 * a page of the same origin, gets in without a word; everybody else is asked for a password.
 */

const BOARD = '/admin/queues';
const SIGN_OUT = `${BOARD}/sign-out`;
const SESSION = '/v1/admin/queues/session';
/** Whoever comes back sooner was let in and sent away again: better to ask than to go round in circles. */
const ROUND_MS = 10_000;

const [signIn, signOut] = ['sign-in', 'sign-out'].map((id) => document.getElementById(id));

async function call(method, path, { token, body } = {}) {
  const answer = await fetch(path, {
    method,
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  });
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content.data;
  const { title = answer.statusText, detail = title, code } = content;
  throw Object.assign(new Error(detail), { status: answer.status, code });
}

/** The refresh token stays in its cookie, so that coming back needs no other session. */
async function accessToken() {
  const body = { refreshTokenIn: 'cookie' };
  return (await call('POST', '/v1/auth/refresh', { body })).accessToken;
}

async function open(token) {
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
    await open(token);
  } catch (error) {
    // Nobody asked for a session that is good for something else.
    await call('POST', '/v1/auth/logout', { token });
    throw error;
  }
}

async function close() {
  // First, and without a token: the refresh token may be of another account by now, or of none.
  await call('DELETE', SESSION);
  try {
    const token = await accessToken();
    await call('POST', '/v1/auth/logout', { token });
  } catch (error) {
    if (error.status !== 401) throw error;
  }
}

function say(text) {
  document.getElementById('message').textContent = text;
}

const inWords = ({ code, message }) =>
  code === 'FORBIDDEN' ? 'This account is not an administrator’s.' : message;

function show(form, other) {
  form.hidden = false;
  other.hidden = true;
  form.elements[0].focus();
}

function onSubmit(form, action) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    action().catch((error) => {
      say(inWords(error));
      form.elements[0].focus();
    });
  });
}

onSubmit(signIn, openWithPassword);
onSubmit(signOut, async () => {
  await close();
  say('Signed out.');
  show(signIn, signOut);
});

if (location.pathname === SIGN_OUT) show(signOut, signIn);
else {
  const hasJustBeenHere = Date.now() - Number(sessionStorage.getItem('openedAt')) < ROUND_MS;
  try {
    if (hasJustBeenHere) show(signIn, signOut);
    else await open(await accessToken());
  } catch (error) {
    // 401: nobody is signed in, which is why they are here.
    if (error.status !== 401) say(inWords(error));
    show(signIn, signOut);
  }
}
