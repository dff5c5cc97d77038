import { Module, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { SessionsModule } from '../auth/sessions/sessions.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { AppError } from '../platform/errors/app-error.ts';
import { UnavailableError } from '../platform/errors/platform.errors.ts';
import { RedisConnections } from '../platform/redis/redis-connections.ts';
import { PermissionsModule } from '../platform/security/permissions.ts';
import { UsersModule } from '../users/users.module.ts';
import { DashboardAccess, queuesWatch } from './dashboard-access.service.ts';
import { DashboardBoard } from './dashboard-board.service.ts';
import { BOARD_POLICY, sendSignInPage, serveSignInPage, sanitizeBoardPage } from './dashboard-pages.ts';
import { DashboardSessionController } from './dashboard-session.controller.ts';

const PATH = '/admin/queues';
const SIGN_OUT_PATH = `${PATH}/sign-out`;
const FILES = '/static/*';
/** Responds with an error when the queue is down, instead of waiting for it. */
const HANDLER_TIMEOUT_MS = 5_000;

/** The queue dashboard for administrators: bull-board at /admin/queues, with its own guard. */
@Module({
  imports: [JobsModule, SessionsModule, UsersModule, PermissionsModule.forFeature([queuesWatch])],
  controllers: [DashboardSessionController],
  providers: [DashboardAccess, DashboardBoard],
})
export class DashboardModule implements OnModuleInit {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly access: DashboardAccess,
    private readonly board: DashboardBoard,
    private readonly redis: RedisConnections,
  ) {}

  /** Registers a plugin, because the board is not part of the API and its OpenAPI document. */
  onModuleInit(): void {
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    serveSignInPage(fastify, PATH, SIGN_OUT_PATH);
    void fastify.register(
      (scope, _options, done) => {
        this.setHeaders(scope);
        this.guard(scope);
        this.handleErrors(scope, fastify);
        void scope.register(this.board.plugin(PATH, SIGN_OUT_PATH));
        done();
      },
      { prefix: PATH },
    );
  }

  /** A hook of the routes, so that no other spelling of a path bypasses it. */
  private guard(scope: FastifyInstance): void {
    scope.addHook('onRequest', async (request, reply) => {
      try {
        await this.access.check(request);
      } catch (error) {
        const status = error instanceof AppError ? error.problem.status : 500;
        if (status < 500 && isForPage(request)) return sendSignInPage(reply.code(status));
        throw error;
      }
      return undefined;
    });
  }

  /** Set on each route, because bull-board's own handler would show error messages of its libraries. */
  private handleErrors(scope: FastifyInstance, root: FastifyInstance): void {
    scope.addHook('onRoute', (route) => {
      // A slow client may take longer to receive a file.
      if (!route.url.endsWith(FILES)) route.handlerTimeout = HANDLER_TIMEOUT_MS;
      route.errorHandler = (cause, request, reply) => {
        void this.explain(cause).then((explained) => root.errorHandler(explained, request, reply));
      };
    });
  }

  private async explain(error: FastifyError): Promise<FastifyError> {
    // Errors of a queue have no status.
    if (error instanceof AppError || error.statusCode) return error;
    if ((await this.redis.state()) !== 'down') return error;
    return new UnavailableError({ headers: { 'retry-after': '5' } }) as Error as FastifyError;
  }

  private setHeaders(scope: FastifyInstance): void {
    scope.addHook('onRequest', (_request, reply, done) => {
      void reply.header('content-security-policy', BOARD_POLICY);
      done();
    });
    scope.addHook('onSend', async (request, reply, payload) => {
      const isFile = request.routeOptions.url?.endsWith(FILES);
      void reply.header('cache-control', isFile ? 'private, no-cache' : 'no-store');
      return isPage(reply) && typeof payload === 'string' ? sanitizeBoardPage(payload) : payload;
    });
  }
}

const isForPage = ({ method, headers }: FastifyRequest): boolean =>
  method === 'GET' && Boolean(headers.accept?.includes('text/html'));

const isPage = (reply: FastifyReply): boolean =>
  String(reply.getHeader('content-type')).startsWith('text/html');
