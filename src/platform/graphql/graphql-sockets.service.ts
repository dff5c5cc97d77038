import { Injectable, Logger, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { GraphQLError, OperationTypeNode } from 'graphql';
import { type Context, handleProtocols, makeServer, type Server } from 'graphql-ws';
import type { IncomingMessage, Server as HttpServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { Config } from '../config/config.ts';
import { AppError } from '../errors/app-error.ts';
import { LimitReachedError } from '../errors/platform.errors.ts';
import { jsonBodyMaxBytes } from '../http/body-budget.ts';
import { EventStreams } from '../http/event-streams.service.ts';
import { logError, toAppError } from '../http/problem.filter.ts';
import { clientIp } from '../http/trusted-proxies.ts';
import { type Locale, negotiateLocale } from '../i18n/locales.ts';
import { correlationIdFrom, runInContext } from '../logging/request-context.ts';
import { type Principal, TokenVerifier } from '../security/principal.ts';
import { RateLimiter } from '../security/rate-limiter.service.ts';
import { executionErrors, rejectionShapes } from './error-format.ts';
import { type GraphqlContext, Loaders } from './graphql-context.ts';
import { GraphqlExecutor } from './graphql-executor.service.ts';
import { GRAPHQL_PATH } from './graphql.controller.ts';

const SUBSCRIPTIONS_PER_SOCKET_MAX = 10;
/** How long a client may take to respond to a close frame. */
const CLOSE_TIMEOUT_MS = 2_000;

/** Close codes of graphql-transport-ws and RFC 6455. */
const CLOSE_CODES: Record<string, number> = {
  'session-ended': 4401,
  'token-expired': 4401,
  // Clients don't reconnect after this code: two clients would close each other's sockets forever.
  'too-many-streams': 4429,
  'server-draining': 1001,
};

interface Session {
  socket: WebSocket;
  ip: string;
  correlationId: string;
  locale: Locale;
  caller?: Principal;
}

type SocketContext = Context<Record<string, unknown>, Session>;

/**
 * Subscriptions over WebSockets at /graphql, with the protocol graphql-transport-ws. The token comes in connection_init,
 * and the socket closes with its session.
 */
@Injectable()
export class GraphqlSockets implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly logger = new Logger('GraphqlSockets');
  private readonly webSockets: WebSocketServer;
  private readonly protocol: Server<Session>;

  constructor(
    private readonly config: Config,
    private readonly adapterHost: HttpAdapterHost,
    private readonly executor: GraphqlExecutor,
    private readonly streams: EventStreams,
    private readonly verifier: TokenVerifier,
    private readonly limiter: RateLimiter,
  ) {
    this.webSockets = new WebSocketServer({
      noServer: true,
      maxPayload: jsonBodyMaxBytes(config),
      handleProtocols,
    });
    this.protocol = makeServer<Record<string, unknown>, Session>({
      onConnect: (context) => this.authenticate(context),
      onSubscribe: (context, _id, payload) => this.subscribe(context, payload),
      onNext: (...[{ extra }, , , , result]) =>
        result.errors && { ...result, errors: this.count(executionErrors(result.errors, extra)) },
      // The errors that `subscribe` returns, or the one that has ended a running subscription.
      onError: (...[{ extra }, , , errors]) =>
        this.count(errors.some(isThrown) ? executionErrors(errors, extra) : errors).map((error) =>
          error.toJSON(),
        ),
    });
  }

  onApplicationBootstrap(): void {
    const server: HttpServer = this.adapterHost.httpAdapter.getHttpServer();
    server.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
    // The server ignores the Upgrade header of other requests. The typings don't have the property.
    Object.assign(server, { shouldUpgradeCallback: isForGraphql });
  }

  /** Otherwise the HTTP server waits for these connections when it closes. */
  onModuleDestroy(): void {
    for (const socket of this.webSockets.clients) closeSocket(socket, 'server-draining');
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    this.webSockets.handleUpgrade(request, socket, head, (webSocket) => this.open(webSocket, request));
  }

  private open(socket: WebSocket, request: IncomingMessage): void {
    const correlationId = correlationIdFrom(request.headers['x-correlation-id']);
    const locale = negotiateLocale(request.headers['accept-language'], this.config.DEFAULT_LOCALE);
    const ip = clientIp(request, this.config.TRUST_PROXY);
    const session: Session = { socket, ip, correlationId, locale };
    // A broken connection also emits 'close'. Without a listener, the error would end the process.
    socket.on('error', () => undefined);
    const stopHeartbeat = this.startHeartbeat(socket);
    const closed = this.protocol.opened(
      {
        protocol: socket.protocol,
        // Resolves when the data has left this process, so a slow client gets the next event later.
        send: (data) => new Promise((resolve) => socket.send(data, () => resolve())),
        close: (code, reason) => socket.close(code, reason),
        onMessage: (handle) =>
          socket.on('message', (data: Buffer) => {
            runInContext({ correlationId, locale }, () => handle(data.toString())).catch((error: unknown) =>
              this.fail(socket, error),
            );
          }),
      },
      session,
    );
    socket.once('close', (code, reason) => {
      stopHeartbeat();
      void closed(code, reason.toString());
    });
  }

  /** Disconnects a client that no longer responds, for example after a network failure. */
  private startHeartbeat(socket: WebSocket): () => void {
    let isAlive = true;
    socket.on('pong', () => (isAlive = true));
    const timer = setInterval(() => {
      if (!isAlive) return socket.terminate();
      isAlive = false;
      socket.ping();
    }, this.config.STREAM_HEARTBEAT_SECONDS * 1_000);
    timer.unref();
    return () => clearInterval(timer);
  }

  /** Closes the socket when the token is not accepted. */
  private async authenticate({ extra, connectionParams }: SocketContext): Promise<boolean> {
    const { socket, ip } = extra;
    try {
      const caller = await this.verify(connectionParams, ip);
      await this.limiter.count('default', { userId: caller.userId, ip });
      // The client may have disconnected during the checks. Its 'close' event has passed, so don't track the socket.
      if (socket.readyState !== socket.OPEN) return false;
      extra.caller = caller;
      this.closeWithSession(socket, caller);
      return true;
    } catch (error) {
      const { problem } = toAppError(error);
      logError(toAppError(error), error);
      const code = { 401: 4401, 429: 4429 }[problem.status] ?? 1013;
      socket.close(code, problem.code);
      return false;
    }
  }

  private async verify(params: Record<string, unknown> | undefined, ip: string): Promise<Principal> {
    try {
      return await this.verifier.verify(authorizationOf(params));
    } catch (error) {
      // Invalid tokens are counted by IP address, as in HTTP requests.
      await this.limiter.count('default', { ip });
      throw error;
    }
  }

  private closeWithSession(socket: WebSocket, caller: Principal): void {
    const closing = new AbortController();
    socket.once('close', () => closing.abort());
    this.streams.track('graphql', caller, {
      signal: closing.signal,
      close: (reason) => closeSocket(socket, reason),
    });
  }

  private subscribe({ extra, subscriptions }: SocketContext, payload: unknown) {
    const { caller, ip, correlationId, locale } = extra;
    const context: GraphqlContext = {
      caller: caller!,
      ip,
      correlationId,
      locale,
      loaders: new Loaders({ cache: false }),
      freeRootFields: 0,
    };
    try {
      if (Object.keys(subscriptions).length > SUBSCRIPTIONS_PER_SOCKET_MAX) throw new LimitReachedError();
      return this.executor.prepareSubscription(payload, context);
    } catch (error) {
      const known = error instanceof AppError ? error : toAppError(error);
      logError(known, error);
      return rejectionShapes(known, extra).map(({ message, ...rest }) => new GraphQLError(message, rest));
    }
  }

  private count<Errors extends readonly GraphQLError[]>(errors: Errors): Errors {
    this.executor.countErrors(OperationTypeNode.SUBSCRIPTION, errors);
    return errors;
  }

  private fail(socket: WebSocket, error: unknown): void {
    this.logger.error({ msg: 'GraphQL socket failed', err: error });
    socket.close(1011, 'INTERNAL');
  }
}

const isThrown = ({ originalError }: GraphQLError): boolean => originalError !== undefined;

const isForGraphql = ({ url }: IncomingMessage): boolean => url?.split('?')[0] === GRAPHQL_PATH;

/** `{"authorization": "Bearer …"}` in connection_init. Some clients write the name like the header. */
function authorizationOf(params: Record<string, unknown> = {}): string | undefined {
  const value = params['authorization'] ?? params['Authorization'];
  return typeof value === 'string' ? value : undefined;
}

function closeSocket(socket: WebSocket, reason: string): void {
  socket.close(CLOSE_CODES[reason] ?? 1001, reason);
  // A client that doesn't respond must not keep the server from stopping.
  setTimeout(() => socket.terminate(), CLOSE_TIMEOUT_MS).unref();
}
