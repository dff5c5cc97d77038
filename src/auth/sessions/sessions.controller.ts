import { Controller, Delete, Get, Param } from '@nestjs/common';
import { z } from 'zod';
import { idSchema, list, timestampSchema } from '../../platform/http/schemas.ts';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { examples, sample } from '../../platform/openapi/examples.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { CurrentUser } from '../../platform/security/access.decorators.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { SessionsService } from './sessions.service.ts';

const sessionSchema = z
  .object({
    id: z.string(),
    userAgent: z.string().nullable(),
    ipAddress: z.string().nullable(),
    createdAt: timestampSchema,
    lastUsedAt: timestampSchema,
    expiresAt: timestampSchema,
    current: z.boolean().describe('True for the session of this request.'),
  })
  .meta({ id: 'Session' })
  .register(examples, {
    'This session': {
      id: sample.id,
      userAgent: 'Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0',
      ipAddress: '203.0.113.7',
      createdAt: sample.earlier,
      lastUsedAt: sample.later,
      expiresAt: '2026-12-28T09:30:00.000Z',
      current: true,
    },
  });

@Tag('Authentication')
@Controller({ path: 'auth/sessions', version: '1' })
export class SessionsController {
  constructor(private readonly sessions: SessionsService) {}

  @Get()
  @Endpoint({
    summary: 'List your sessions',
    description: 'Lists the sessions that can still be refreshed.',
    returns: list(sessionSchema),
  })
  async listSessions(@CurrentUser() { userId, sessionId }: Principal) {
    const sessions = await this.sessions.listActive(userId);
    return { data: sessions.map((session) => ({ ...session, current: session.id === sessionId })) };
  }

  @Delete(':id')
  @Endpoint({
    summary: 'Revoke a session',
    description: 'Signs out one of your own sessions. Repeating the request succeeds.',
  })
  async revokeSession(@Param('id', { schema: idSchema }) id: string, @CurrentUser() caller: Principal) {
    await this.sessions.revokeOwnSession(id, caller);
  }
}
