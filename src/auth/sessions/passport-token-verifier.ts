import { Injectable } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { AuthGuard } from '@nestjs/passport';
import { UnauthenticatedError } from '../../platform/errors/platform.errors.ts';
import type { Principal, TokenVerifier } from '../../platform/security/principal.ts';
import { staleSessions } from './access.guard.ts';
import { SessionRevocations } from './session-revocations.service.ts';

/** Verifies tokens with the strategy of HTTP requests. */
@Injectable()
export class PassportTokenVerifier extends AuthGuard('jwt') implements TokenVerifier {
  constructor(private readonly revocations: SessionRevocations) {
    super();
  }

  async verify(authorization: string | undefined): Promise<Principal> {
    if (this.revocations.isStale) throw staleSessions();
    const request: { headers: object; user?: Principal } = { headers: { authorization } };
    await this.canActivate(new ExecutionContextHost([request, {}]));
    if (!request.user || this.revocations.has(request.user.sessionId)) throw new UnauthenticatedError();
    return request.user;
  }

  override handleRequest<T>(error: unknown, user: T | false): T {
    if (error || !user) throw new UnauthenticatedError();
    return user;
  }
}
