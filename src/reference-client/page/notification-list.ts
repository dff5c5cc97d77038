import type { Notification } from '../../../clients/typescript/src/index.ts';
import { button, element, time } from './elements.ts';
import { translate } from './language.ts';
import { notificationsTexts } from './notifications.texts.ts';

/** The visible notifications. One that arrives with a page and with the stream is shown once. */
export class NotificationList {
  readonly node = element('ul', { id: 'notifications' });
  readonly #lines = new Map<string, HTMLLIElement>();
  readonly #markRead: (id: string) => Promise<void>;

  /** `markRead(id)` is called by the button. */
  constructor(markRead: (id: string) => Promise<void>) {
    this.#markRead = markRead;
  }

  has({ id }: Notification): boolean {
    return this.#lines.has(id);
  }

  /** Adds a page, newest first, below the others. */
  append(notifications: Notification[]): void {
    const added = notifications.filter((notification) => !this.has(notification));
    this.node.append(...added.map((notification) => this.#line(notification)));
  }

  prepend(notification: Notification): void {
    this.node.prepend(this.#line(notification));
  }

  /** One notification, or all without an id. */
  showRead(id?: string): void {
    const one = id === undefined ? undefined : this.#lines.get(id);
    const lines = id === undefined ? [...this.#lines.values()] : one ? [one] : [];
    for (const line of lines) {
      const read = line.querySelector('button');
      // Keyboard users continue here instead of at the top of the page.
      if (read && read === document.activeElement) line.focus();
      read?.remove();
      line.classList.remove('unread');
    }
  }

  #line({ id, title, body, readAt, createdAt }: Notification): HTMLLIElement {
    const line = element(
      'li',
      { tabIndex: -1, className: readAt ? '' : 'unread' },
      element('div', {}, element('strong', {}, title), ' ', time(createdAt), element('p', {}, body)),
    );
    if (!readAt) {
      const { markRead, markOneRead } = translate(notificationsTexts);
      const read = button(markRead, () => this.#markRead(id));
      read.ariaLabel = markOneRead(title);
      line.append(read);
    }
    this.#lines.set(id, line);
    return line;
  }
}
