/* GraphiQL for development, signed in as the seeded user. */
const { React, ReactDOM, GraphiQL } = window;
const USER = { email: 'user@example.com', password: 'development-only-user' };

let accessToken = '';

const post = (path, body) =>
  fetch(path, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(accessToken && { authorization: `Bearer ${accessToken}` }),
    },
    body: JSON.stringify(body),
  });

async function signIn() {
  accessToken = '';
  const response = await post('/v1/auth/login', USER);
  if (!response.ok) throw new Error('The sign-in failed. Run the seed: bin/dev does it at each start.');
  accessToken = (await response.json()).data.accessToken;
}

async function send(request) {
  const response = await post('/graphql', request);
  if (response.status !== 401) return response.json();
  await signIn();
  return (await post('/graphql', request)).json();
}

/** The results of a subscription, with the protocol graphql-transport-ws. */
function subscribe(payload) {
  return {
    subscribe(observer) {
      const socket = new WebSocket(
        location.origin.replace(/^http/, 'ws') + '/graphql',
        'graphql-transport-ws',
      );
      const write = (message) => socket.send(JSON.stringify(message));
      const handlers = {
        connection_ack: () => write({ type: 'subscribe', id: '1', payload }),
        ping: () => write({ type: 'pong' }),
        next: ({ payload: result }) => observer.next(result),
        error: ({ payload: errors }) => observer.error({ errors }),
        complete: () => observer.complete(),
      };
      socket.addEventListener('open', () =>
        write({ type: 'connection_init', payload: { authorization: `Bearer ${accessToken}` } }),
      );
      socket.addEventListener('message', ({ data }) => {
        const message = JSON.parse(data);
        handlers[message.type]?.(message);
      });
      socket.addEventListener('close', ({ code, reason }) =>
        observer.error(new Error(`Closed: ${code} ${reason}`)),
      );
      return { unsubscribe: () => socket.close() };
    },
  };
}

const isSubscription = (document, operationName) =>
  document?.definitions.find(
    ({ kind, name }) => kind === 'OperationDefinition' && (!operationName || name?.value === operationName),
  )?.operation === 'subscription';

function fetcher({ query, variables, operationName }, { documentAST } = {}) {
  const request = { query, variables, operationName };
  return isSubscription(documentAST, operationName) ? subscribe(request) : send(request);
}

async function openEditor() {
  try {
    await signIn();
    ReactDOM.createRoot(document.querySelector('#page')).render(React.createElement(GraphiQL, { fetcher }));
  } catch (error) {
    document.querySelector('#error').textContent = error.message;
  }
}

document.querySelector('#sign-in').addEventListener('click', () => void openEditor());
