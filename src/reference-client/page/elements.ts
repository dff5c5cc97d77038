import { language } from './language.ts';

type Content = Node | string;

/** `element('p', { className: 'note' }, 'Text', …)`: strings become text nodes, never markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Partial<HTMLElementTagNameMap[Tag]> = {},
  ...children: Content[]
): HTMLElementTagNameMap[Tag] {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

export interface Field extends Partial<Omit<HTMLInputElement, 'labels'>> {
  label: string;
  name: string;
  /** Shown below the input. */
  hint?: string;
}

/** Labelled inputs and a button. `submit` gets the values by name. */
// eslint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows the names of its inputs
export function form<Values>(
  title: string,
  inputs: Field[],
  submit: (values: Values) => unknown,
): HTMLFormElement {
  const node = element(
    'form',
    { ariaLabel: title },
    element('h2', {}, title),
    ...inputs.flatMap((input) => fieldNodes(title, input)),
    element('button', {}, title),
  );
  node.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(() => submit(Object.fromEntries(new FormData(node)) as Values));
  });
  return node;
}

function fieldNodes(title: string, { label, hint, ...properties }: Field): Node[] {
  const input = element('input', { required: true, ...properties });
  const labelled = element('label', {}, label, input);
  if (!hint) return [labelled];
  const id = `${title}-${properties.name}-hint`.replaceAll(' ', '-').toLowerCase();
  input.setAttribute('aria-describedby', id);
  return [labelled, element('small', { id }, hint)];
}

export const button = (text: string, click: () => unknown): HTMLButtonElement =>
  element('button', { type: 'button', onclick: () => void attempt(click) }, text);

/** A card with a heading. */
export const section = (title: string, ...children: Content[]): HTMLElement =>
  element('section', { ariaLabel: title }, element('h2', {}, title), ...children);

const find = (selector: string): HTMLElement => document.querySelector<HTMLElement>(selector)!;

/** Screen readers announce the message. */
export function say(text: string, hasFailed = false): void {
  const message = find('#message');
  message.textContent = text;
  message.classList.toggle('failed', hasFailed);
}

/** Runs the action and shows its error. */
export async function attempt(action: () => unknown): Promise<void> {
  say('');
  try {
    await action();
  } catch (error) {
    say((error as Error).message, true);
  }
}

export function show(...nodes: Content[]): void {
  const main = find('main');
  const hadFocus = main.contains(document.activeElement);
  main.replaceChildren(...nodes);
  // Keyboard users continue with the new content instead of at the top of the page.
  if (hadFocus) main.focus();
}

/** The panels next to the page, until another user signs in. */
export function showAside(...nodes: Content[]): void {
  find('aside').replaceChildren(...nodes);
}

export const time = (iso: string): HTMLTimeElement =>
  element(
    'time',
    { dateTime: iso },
    new Date(iso).toLocaleString(language(), { dateStyle: 'medium', timeStyle: 'short' }),
  );
