/** `element('p', { className: 'note' }, 'Text', …)`: strings become text nodes, never markup. */
export function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Labelled inputs and a button. `submit` gets the values by name. */
export function form(title, inputs, submit) {
  const fields = inputs.map(({ label, ...properties }) =>
    element('label', {}, label, element('input', { required: true, ...properties })),
  );
  const node = element('form', {}, element('h2', {}, title), ...fields, element('button', {}, title));
  node.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(() => submit(Object.fromEntries(new FormData(node))));
  });
  return node;
}

export const button = (text, click) =>
  element('button', { type: 'button', onclick: () => attempt(click) }, text);

export function say(text) {
  document.querySelector('#message').textContent = text;
}

/** Runs the action and shows its error. */
export async function attempt(action) {
  say('');
  try {
    await action();
  } catch (error) {
    say(error.message);
  }
}

export function show(...nodes) {
  document.querySelector('main').replaceChildren(...nodes);
}

/** The panels next to the page, until another user signs in. */
export function showAside(...nodes) {
  document.querySelector('aside').replaceChildren(...nodes);
}
