import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A proxy between the application and a server, so that a test can make the server unavailable. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  /** Each open client connection, with the start of the data it sent last. */
  private readonly clients = new Map<Socket, string>();
  private readonly silent = new WeakSet<Socket>();
  private readonly server = createServer((client) => this.join(client));
  private isDown = false;
  /** Delay in each direction. */
  delayMs = 0;

  private target?: { host: string; port: number };

  static async start(): Promise<TcpProxy> {
    const proxy = new TcpProxy();
    proxy.server.listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  /** The same URL through the proxy. */
  to(url: string): string {
    const proxied = new URL(url);
    this.target = { host: proxied.hostname, port: Number(proxied.port) };
    proxied.hostname = '127.0.0.1';
    proxied.port = String((this.server.address() as AddressInfo).port);
    return proxied.href;
  }

  /** Breaks every connection, and rejects new ones until `restore`. */
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
   * Freezes open connections forever without closing them. Affects only those whose last client data
   * matches the pattern. New connections are not affected.
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

  /** Delays or drops data, depending on the test. */
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
