import { button, element } from './elements.js';

/** The notifications that are shown, each once, whether it came with a page, with the stream or with both. */
export class NotificationList {
  node = element('ul', { id: 'notifications' });
  #lines = new Map();
  #markRead;

  /** `markRead(id)` is what its button does. */
  constructor(markRead) {
    this.#markRead = markRead;
  }

  has({ id }) {
    return this.#lines.has(id);
  }

  /** A page, newest first, below what there is. */
  append(notifications) {
    const added = notifications.filter((notification) => !this.has(notification));
    this.node.append(...added.map((notification) => this.#line(notification)));
  }

  prepend(notification) {
    this.node.prepend(this.#line(notification));
  }

  /** One, or all where no id is given. */
  showRead(id) {
    const lines = id ? [this.#lines.get(id)].filter(Boolean) : [...this.#lines.values()];
    for (const line of lines) {
      const read = line.querySelector('button');
      // Who works with the keyboard goes on from here, and not from the top of the page.
      if (read === document.activeElement) line.focus();
      read?.remove();
      line.classList.remove('unread');
    }
  }

  #line({ id, title, body, readAt, createdAt }) {
    const line = element(
      'li',
      { tabIndex: -1, className: readAt ? '' : 'unread' },
      element('strong', {}, title),
      ' ',
      element('time', { dateTime: createdAt }, new Date(createdAt).toLocaleString()),
      element('p', {}, body),
    );
    if (!readAt) {
      const read = button('Mark as read', () => this.#markRead(id));
      read.setAttribute('aria-label', `Mark as read: ${title}`);
      line.append(read);
    }
    this.#lines.set(id, line);
    return line;
  }
}
