import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A proxy between the application and a server, so that a test can make the server unavailable. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  /** Each open connection of a client, with the beginning of what it sent last. */
  private readonly clients = new Map<Socket, string>();
  private readonly silent = new WeakSet<Socket>();
  private readonly server = createServer((client) => this.join(client));
  private isDown = false;
  /** Of each direction. */
  delayMs = 0;

  private target?: { host: string; port: number };

  static async start(): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  /** The URL that leads to the same place by way of the proxy. */
  to(url: string): string {
    const proxied = new URL(url);
    this.target = { host: proxied.hostname, port: Number(proxied.port) };
    proxied.hostname = '127.0.0.1';
    proxied.port = String((this.server.address() as AddressInfo).port);
    return proxied.href;
  }

  /** Every connection breaks, and no new one comes about until `restore`. */
  cut(): void {
    this.isDown = true;
    this.breakConnections();
  }

  restore(): void {
    this.isDown = false;
  }

  breakConnections(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /**
   * From now on the open connections are silent forever, without being closed: those alone over which the client has
   * last sent something like the pattern. New ones are not touched.
   */
  silence(lastSent = /(?:)/): number {
    const silenced = [...this.clients].filter(([, text]) => lastSent.test(text));
    for (const [client] of silenced) this.silent.add(client);
    return silenced.length;
  }

  async stop(): Promise<void> {
    this.breakConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    if (this.isDown || !this.target) return void client.resetAndDestroy();
    const upstream = connect(this.target);
    this.clients.set(client, '');
    client.on('data', (chunk: Buffer) => this.clients.set(client, chunk.toString('latin1', 0, 200)));
    client.on('close', () => this.clients.delete(client));
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(socket);
      socket.pipe(this.passage(client)).pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }

  /** Late or never, as the test wants it. */
  private passage(client: Socket): Transform {
    const passage = new Transform({
      transform: (chunk, _, done) => {
        if (this.silent.has(client)) return;
        if (this.delayMs === 0) return done(null, chunk);
        setTimeout(() => passage.push(chunk), this.delayMs);
        done();
      },
      flush: (done) => void setTimeout(done, this.delayMs),
    });
    return passage;
  }
}
