import { request, requestPage } from './api.js';
import { button, element } from './elements.js';
import { follow } from './follow.js';
import { NotificationList } from './notification-list.js';

const PATH = '/v1/notifications';
const PAGE = `${PATH}?limit=10`;

/** Shows the newest notifications, older ones on demand, and new ones until `signal` aborts. */
export class NotificationsPanel {
  #title = element('h2', { id: 'notifications-title' }, 'Notifications');
  /** Screen readers announce its changes, but not those of the list. */
  #news = element('p', { id: 'news', role: 'status' });
  #list = new NotificationList((id) => this.#markRead(`${PATH}/${id}/read`, id));
  #readAll = button('Mark all as read', () => this.#markRead(`${PATH}/read-all`));
  #older = button('Older', () => this.#loadOlder());
  node = element('section', {}, this.#title, this.#news, this.#readAll, this.#list.node, this.#older);
  #nextCursor = null;
  /** The stream has no event for read notifications. */
  #otherTabs = new BroadcastChannel('notifications');
  #isCounting = false;
  #isCountOld = false;

  constructor(signal) {
    this.node.setAttribute('aria-labelledby', this.#title.id);
    this.#otherTabs.addEventListener('message', ({ data: id }) => void this.#showRead(id));
    signal.addEventListener('abort', () => this.#otherTabs.close());
    void this.#follow(signal);
  }

  async #follow(signal) {
    const begin = () => this.#load();
    const received = (_event, notification) => this.#receive(notification);
    try {
      const reason = await follow(`${PATH}/stream`, { begin, received }, signal);
      if (reason) this.#news.textContent = `Live updates ended (${reason}). Reload the page.`;
    } catch (error) {
      this.#news.textContent = error.message;
    }
  }

  /** Resolves to the id of the newest notification. */
  async #load() {
    const page = await requestPage(PAGE);
    this.#take(page);
    this.#showUnread(page.meta.unreadCount);
    return page.data[0]?.id;
  }

  async #loadOlder() {
    this.#take(await requestPage(`${PAGE}&cursor=${encodeURIComponent(this.#nextCursor)}`));
  }

  #take({ data, meta }) {
    this.#list.append(data);
    this.#nextCursor = meta.nextCursor;
    this.#older.hidden = meta.nextCursor === null;
  }

  #receive(notification) {
    if (this.#list.has(notification)) return;
    this.#list.prepend(notification);
    this.#news.textContent = `New: ${notification.title}`;
    void this.#countUnread();
  }

  /** One notification, or all without an id. */
  async #markRead(path, id) {
    await request('POST', path);
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a channel reaches its own origin only
    this.#otherTabs.postMessage(id);
    await this.#showRead(id);
  }

  #showRead(id) {
    this.#list.showRead(id);
    return this.#countUnread();
  }

  /** From the server, because other devices mark notifications as read too. Parallel calls send at most two requests. */
  async #countUnread() {
    this.#isCountOld = true;
    if (this.#isCounting) return;
    this.#isCounting = true;
    while (this.#isCountOld) {
      this.#isCountOld = false;
      const { meta } = await requestPage(`${PATH}?limit=1`).catch(() => ({}));
      if (meta) this.#showUnread(meta.unreadCount);
    }
    this.#isCounting = false;
  }

  #showUnread(count) {
    this.#title.textContent = count > 0 ? `Notifications (${count} unread)` : 'Notifications';
    this.#readAll.disabled = count === 0;
  }
}
