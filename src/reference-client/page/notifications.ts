import type { Notification } from '../../../clients/typescript/src/index.ts';
import { button, element } from './elements.ts';
import { translate } from './language.ts';
import { NotificationList } from './notification-list.ts';
import { notificationsTexts } from './notifications.texts.ts';
import { api } from './providers.ts';

const PATH = '/v1/notifications';

/** Shows the newest notifications, older ones on demand, and new ones until `signal` aborts. */
export class NotificationsPanel {
  readonly #texts = translate(notificationsTexts);
  readonly #title = element('h2', { id: 'notifications-title' }, this.#texts.title);
  /** Screen readers announce its changes, but not those of the list. */
  readonly #news = element('p', { id: 'news', role: 'status' });
  readonly #list = new NotificationList((id) => this.#markRead(id));
  readonly #readAll = button(this.#texts.markAllRead, () => this.#markRead());
  readonly #older = button(this.#texts.older, () => this.#loadOlder());
  readonly node = element(
    'section',
    {},
    this.#title,
    this.#news,
    this.#readAll,
    this.#list.node,
    this.#older,
  );
  #nextCursor: string | undefined;
  /** Tabs notify each other of read notifications, because the stream has no event for them. */
  readonly #otherTabs = new BroadcastChannel('notifications');
  #isCounting = false;
  #isCountOld = false;

  constructor(signal: AbortSignal) {
    this.node.setAttribute('aria-labelledby', this.#title.id);
    this.#older.hidden = true;
    this.#otherTabs.addEventListener('message', ({ data: id }) => void this.#showRead(id));
    signal.addEventListener('abort', () => this.#otherTabs.close());
    void this.#follow(signal);
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const loadEarlier = (): Promise<string | undefined> => this.#loadOlder();
    try {
      for await (const { event, data } of api.watchNotifications({ signal, loadEarlier })) {
        if (event === 'notification') this.#receive(data);
        else this.#news.textContent = this.#texts.streamEnded(data.reason);
      }
    } catch (error) {
      this.#news.textContent = (error as Error).message;
    }
  }

  /** The next page, the newest first. Resolves to the id of its first notification. */
  async #loadOlder(): Promise<string | undefined> {
    const query = { limit: 10, ...(this.#nextCursor && { cursor: this.#nextCursor }) };
    const { data, meta } = await api.get(PATH, { params: { query } });
    this.#list.append(data);
    this.#nextCursor = meta.nextCursor ?? undefined;
    this.#older.hidden = meta.nextCursor === null;
    this.#showUnread(meta.unreadCount);
    return data[0]?.id;
  }

  #receive(notification: Notification): void {
    if (this.#list.has(notification)) return;
    this.#list.prepend(notification);
    this.#news.textContent = this.#texts.arrived(notification.title);
    void this.#countUnread();
  }

  /** One notification, or all without an id. */
  async #markRead(id?: string): Promise<void> {
    if (id === undefined) await api.post(`${PATH}/read-all`);
    else await api.post(`${PATH}/{id}/read`, { params: { path: { id } } });
    // eslint-disable-next-line unicorn/require-post-message-target-origin -- a channel reaches its own origin only
    this.#otherTabs.postMessage(id);
    await this.#showRead(id);
  }

  #showRead(id?: string): Promise<void> {
    this.#list.showRead(id);
    return this.#countUnread();
  }

  /**
   * Asks the server, because other devices mark notifications as read too. Parallel calls send at most two requests.
   */
  async #countUnread(): Promise<void> {
    this.#isCountOld = true;
    if (this.#isCounting) return;
    this.#isCounting = true;
    while (this.#isCountOld) {
      this.#isCountOld = false;
      const page = await api.get(PATH, { params: { query: { limit: 1 } } }).catch(() => undefined);
      if (page) this.#showUnread(page.meta.unreadCount);
    }
    this.#isCounting = false;
  }

  #showUnread(count: number): void {
    this.#title.textContent = count > 0 ? this.#texts.titleUnread(count) : this.#texts.title;
    this.#readAll.disabled = count === 0;
  }
}
