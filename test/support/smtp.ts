import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { type Eml, parseEml } from '../../scripts/demo/eml.ts';

/**
 * How the server handles the next mails: accepts them, rejects the recipient or relaying, disconnects after the
 * data, or does not respond to the recipient until `release`.
 */
type Behavior = 'accept' | 'reject recipient' | 'deny relay' | 'disconnect' | 'hold';

interface Held {
  address: string;
  /** The name from EHLO: `name` in SMTP_URL. */
  client: string;
  socket: Socket;
}

/** A mail server that stores its mails. A test can stop and restart it. */
export class SmtpServer {
  /** Every completely received message. */
  readonly messages: Eml[] = [];
  /** The names that clients gave in EHLO. */
  readonly greetings: string[] = [];
  behavior: Behavior = 'accept';
  /** Held mails, whose senders wait. */
  held: Held[] = [];
  private server?: Server;
  private readonly sockets = new Set<Socket>();
  private port = 0;

  static async start(): Promise<SmtpServer> {
    const smtp = new SmtpServer();
    await smtp.up();
    return smtp;
  }

  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  async up(): Promise<void> {
    this.server = createServer((socket) => this.serve(socket)).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async down(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    this.server?.close();
    if (this.server) await once(this.server, 'close');
  }

  /** Accepts the held mails whose sender is still connected. */
  release(): void {
    for (const { socket } of this.held.splice(0)) socket.write('250 fine\r\n');
  }

  /** The messages to this recipient. */
  to(email: string): Eml[] {
    return this.messages.filter(({ headers }) => headers.get('to') === email);
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => undefined);
    socket.setEncoding('utf8');
    let received = '';
    let isData = false;
    let client = '';
    socket.write('220 test\r\n');
    socket.on('data', (chunk: string) => {
      received += chunk;
      const end = isData ? '\r\n.\r\n' : '\r\n';
      if (!received.endsWith(end)) return;
      const complete = received.slice(0, -end.length);
      received = '';
      if (isData) this.receive(complete, socket);
      else if (this.behavior === 'hold' && /^RCPT/i.test(complete)) this.hold(complete, client, socket);
      else socket.write(this.reply(complete));
      const greeting = /^(?:EHLO|HELO) (.*)$/i.exec(complete)?.[1];
      if (greeting) this.greetings.push(greeting);
      client = greeting ?? client;
      isData = !isData && complete.toUpperCase() === 'DATA';
    });
  }

  private reply(command: string): string {
    if (/^RCPT/i.test(command) && this.behavior === 'reject recipient') return '550 5.1.1 no such user\r\n';
    if (/^RCPT/i.test(command) && this.behavior === 'deny relay') {
      return `554 5.7.1 ${command.slice('RCPT TO:'.length)} relay denied\r\n`;
    }
    if (/^STARTTLS/i.test(command)) return '502 no TLS here\r\n';
    return /^DATA/i.test(command) ? '354 go on\r\n' : '250 fine\r\n';
  }

  private hold(command: string, client: string, socket: Socket): void {
    this.held.push({ address: /<(.*)>/.exec(command)?.[1] ?? '', client, socket });
    socket.on('close', () => (this.held = this.held.filter((held) => held.socket !== socket)));
  }

  private receive(message: string, socket: Socket): void {
    this.messages.push(parseEml(Buffer.from(message)));
    if (this.behavior === 'disconnect') socket.destroy();
    else socket.write('250 taken\r\n');
  }
}
