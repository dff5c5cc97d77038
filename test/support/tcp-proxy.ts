import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between the application and a server of its own, so that a test can take that server away. */
export class TcpProxy {
  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.join(client));
  private isDown = false;

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

  /** Nothing more goes either way on the connections there are, and nobody is told. New ones work. */
  freezeConnections(): void {
    for (const socket of this.sockets) socket.unpipe().pause();
  }

  async stop(): Promise<void> {
    this.breakConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(client: Socket): void {
    if (this.isDown || !this.target) return void client.resetAndDestroy();
    const upstream = connect(this.target);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
