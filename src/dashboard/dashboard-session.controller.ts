import { Controller, Delete, Post, Req, Res } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ForbiddenError } from '../platform/errors/platform.errors.ts';
import { Endpoint } from '../platform/openapi/endpoint.decorator.ts';
import { CurrentUser, Public, Roles } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { DashboardAccess } from './dashboard-access.service.ts';

@ApiTags('System')
@Controller({ path: 'admin/queues/session', version: '1' })
export class DashboardSessionController {
  constructor(private readonly access: DashboardAccess) {}

  @Post()
  @Endpoint({
    summary: 'Open the job dashboard to this browser',
    description:
      'Sets a cookie that opens `/admin/queues` for fifteen minutes, and for no longer than the session lasts.',
    status: 204,
  })
  @Roles('admin')
  openDashboardSession(
    @CurrentUser() { sessionId }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): void {
    this.access.grant(reply, sessionId);
  }

  @Delete()
  @Endpoint({
    summary: 'Close the job dashboard to this browser',
    description:
      'Removes the cookie, for whoever asks from a page of this origin: `Sec-Fetch-Site` or `Origin` has to say so. ' +
      'The end of the session closes the dashboard wherever it is open.',
    errors: [ForbiddenError],
  })
  // Another account may have signed in in this browser since, or none may be left.
  @Public()
  closeDashboardSession(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): void {
    this.access.requireOwnPage(request);
    this.access.withdraw(reply);
  }
}
