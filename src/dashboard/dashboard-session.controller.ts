import { Controller, Delete, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForbiddenError } from '../platform/errors/platform.errors.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { Tag } from '../platform/openapi/tag.decorator.ts';
import { CurrentUser, Public, RequirePermission } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { DashboardAccess, queuesWatch } from './dashboard-access.service.ts';

@Tag('System')
@Controller({ path: 'admin/queues/session', version: '1' })
export class DashboardSessionController {
  constructor(private readonly access: DashboardAccess) {}

  @Post()
  @Endpoint({
    summary: 'Open the dashboard',
    description:
      'Sets a cookie for `/admin/queues`. It is valid for fifteen minutes, or until the session ends.',
    status: 204,
  })
  @RequirePermission(queuesWatch)
  openDashboardSession(
    @CurrentUser() { sessionId }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): void {
    this.access.grant(reply, sessionId);
  }

  @Delete()
  @Endpoint({
    summary: 'Close the dashboard',
    description:
      'Removes the cookie. Needs no access token, but `Sec-Fetch-Site` or `Origin` must match this origin. ' +
      'Revoking the session closes the dashboard in every browser.',
    errors: [ForbiddenError],
  })
  // The browser may be signed in to another account by this time, or to none.
  @Public()
  closeDashboardSession(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): void {
    this.access.requireOwnPage(request);
    this.access.revoke(reply);
  }
}
