import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type ApiClient, expectEqual } from './client.ts';
import type { Job } from './live.ts';
import { Failure, type Progress } from './terminal.ts';

const ARRIVAL_LIMIT_MS = 30_000;
const POLL_MS = 10;

/** The exact text of the file, which is registered as a trusted document. */
const operation = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'operations', `${name}.graphql`), 'utf8');

interface Message {
  type: string;
  payload?: { data: { notificationAdded: { title: string; job: { id: string } | null } } };
}

/** A GraphQL subscription, with the protocol graphql-transport-ws. */
export class Subscription {
  private readonly messages: Message[] = [];
  private readonly socket: WebSocket;

  private constructor(baseUrl: string) {
    this.socket = new WebSocket(`${baseUrl.replace(/^http/, 'ws')}/graphql`, 'graphql-transport-ws');
    this.socket.addEventListener('message', ({ data }) =>
      this.messages.push(JSON.parse(String(data)) as Message),
    );
  }

  static async open(api: ApiClient, accessToken: string): Promise<Subscription> {
    const subscription = new Subscription(api.baseUrl);
    const { socket } = subscription;
    await new Promise((resolve) => {
      for (const event of ['open', 'error']) socket.addEventListener(event, resolve, { once: true });
    });
    socket.send(
      JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${accessToken}` } }),
    );
    await subscription.find('connection_ack', () => true);
    const payload = { query: operation('notification-added') };
    socket.send(JSON.stringify({ type: 'subscribe', id: '1', payload }));
    return subscription;
  }

  async receiveJob({ id }: Job, on: Progress): Promise<void> {
    const { payload } = await this.find(
      'next',
      (message) => message.payload?.data.notificationAdded.job?.id === id,
    );
    this.socket.close();
    on.note(`“${payload?.data.notificationAdded.title}”`);
  }

  private async find(type: string, matches: (message: Message) => boolean): Promise<Message> {
    for (const startedAt = performance.now(); performance.now() - startedAt < ARRIVAL_LIMIT_MS;) {
      const found = this.messages.find((message) => message.type === type && matches(message));
      if (found) return found;
      await sleep(POLL_MS);
    }
    const received = this.messages.map((message) => message.type).join(', ');
    throw new Failure(`${type} within ${ARRIVAL_LIMIT_MS / 1_000} s`, received || 'nothing', {
      request: 'GraphQL subscription',
    });
  }
}

/** One query for what REST needs four requests for. */
export async function queryNotifications(api: ApiClient, email: string, on: Progress): Promise<void> {
  const json = { query: operation('latest-notifications'), variables: { first: 5 } };
  const { data } = await api.call<{
    notifications: { unreadCount: number; edges: { node: { job: { owner: { email: string } } | null } }[] };
  }>('POST /graphql', 200, { json });
  const owners = data.notifications.edges.flatMap(({ node }) => (node.job ? [node.job.owner.email] : []));
  expectEqual('the owner of each job', [...new Set(owners)], [email]);
  on.note(`${data.notifications.unreadCount} unread`);
}
