import { button, element } from './elements.js';

/** The visible notifications. One that arrives with a page and with the stream is shown once. */
export class NotificationList {
  node = element('ul', { id: 'notifications' });
  #lines = new Map();
  #markRead;

  /** `markRead(id)` is called by the button. */
  constructor(markRead) {
    this.#markRead = markRead;
  }

  has({ id }) {
    return this.#lines.has(id);
  }

  /** Adds a page, newest first, below the others. */
  append(notifications) {
    const added = notifications.filter((notification) => !this.has(notification));
    this.node.append(...added.map((notification) => this.#line(notification)));
  }

  prepend(notification) {
    this.node.prepend(this.#line(notification));
  }

  /** One notification, or all without an id. */
  showRead(id) {
    const lines = id ? [this.#lines.get(id)].filter(Boolean) : [...this.#lines.values()];
    for (const line of lines) {
      const read = line.querySelector('button');
      // Keyboard users continue here instead of at the top of the page.
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
