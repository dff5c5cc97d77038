import { setTimeout as sleep } from 'node:timers/promises';
import type { ApiClient } from './client.ts';
import { readOperation } from './graphql.ts';
import type { Job } from './live.ts';
import { Failure, type Progress } from './terminal.ts';

const ARRIVAL_LIMIT_MS = 30_000;
const POLL_MS = 10;

interface Message {
  type: string;
  payload?: { data: { notificationAdded: { title: string; job: { id: string } | null } } };
}

/** A GraphQL subscription to the notifications of a user, with the protocol graphql-transport-ws. */
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
    const payload = { query: readOperation('notification-added') };
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
