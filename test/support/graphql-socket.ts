import { WebSocket } from 'ws';
import { until } from './until.ts';

interface Message {
  type: string;
  id?: string;
  payload?: any;
}

/** A client of graphql-transport-ws. */
export class GraphqlSocket {
  readonly messages: Message[] = [];
  closed?: { code: number; reason: string };

  private constructor(private readonly socket: WebSocket) {
    socket.on('message', (data: Buffer) => this.messages.push(JSON.parse(data.toString())));
    socket.on('close', (code, reason) => (this.closed = { code, reason: reason.toString() }));
    socket.on('error', () => undefined);
  }

  /** Resolves when the WebSocket is open, before any message. */
  static async open(
    baseUrl: string,
    { protocol = 'graphql-transport-ws', headers = {} } = {},
  ): Promise<GraphqlSocket> {
    const socket = new WebSocket(`${baseUrl.replace(/^http/, 'ws')}/graphql`, protocol, { headers });
    const client = new GraphqlSocket(socket);
    await until(() => socket.readyState !== WebSocket.CONNECTING, 'the WebSocket to open');
    return client;
  }

  /** Resolves when the server has accepted the token. */
  static async connect(baseUrl: string, accessToken: string): Promise<GraphqlSocket> {
    const client = await GraphqlSocket.open(baseUrl);
    client.init({ authorization: `Bearer ${accessToken}` });
    await client.received('connection_ack');
    return client;
  }

  init(payload?: object): void {
    this.send({ type: 'connection_init', ...(payload && { payload }) });
  }

  subscribe(id: string, query: string, variables?: object): void {
    this.send({ type: 'subscribe', id, payload: { query, variables } });
  }

  send(message: object): void {
    this.sendText(JSON.stringify(message));
  }

  sendText(text: string): void {
    this.socket.send(text);
  }

  of(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }

  received(type: string, count = 1): Promise<Message[]> {
    return until(() => {
      if (this.closed) throw new Error(`Closed with ${this.closed.code} ${this.closed.reason}`);
      return this.of(type).length >= count && this.of(type);
    }, `${count} × ${type}`);
  }

  untilClosed(): Promise<{ code: number; reason: string }> {
    return until(() => this.closed, 'the WebSocket to close');
  }

  close(): void {
    this.socket.close();
  }
}
