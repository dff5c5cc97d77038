import { Body, Controller, Injectable, Module, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AuthHttpModule } from '../../src/auth/auth-http.module.ts';
import {
  AccountSuspendedError,
  EmailTakenError,
  InvalidCredentialsError,
} from '../../src/auth/auth.errors.ts';
import { tokenPairSchema } from '../../src/auth/auth.schemas.ts';
import { AuthService } from '../../src/auth/auth.service.ts';
import { RefreshTokenTransport } from '../../src/auth/refresh-token-transport.service.ts';
import { item } from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { CurrentUser, Public } from '../../src/platform/security/access.decorators.ts';
import type { Principal } from '../../src/platform/security/principal.ts';
import { RateLimit } from '../../src/platform/security/rate-limit.decorator.ts';

// The first controller is the code of docs/guides/sign-in.md. A test compares them.

const acceptSchema = z.strictObject({ token: z.string(), displayName: z.string() }).meta({ id: 'Accept' });
type Accept = z.output<typeof acceptSchema>;

/** In place of a table of invitations, whose links were sent by mail. */
@Injectable()
export class InvitationsService {
  readonly emails = new Map<string, string>();

  async consume(token: string): Promise<{ email: string }> {
    const email = this.emails.get(token);
    if (!this.emails.delete(token) || email === undefined) throw new InvalidCredentialsError();
    return { email };
  }
}

@Tag('Invitations', 'Accounts by invitation.')
@Controller({ path: 'invitations', version: '1' })
class InvitationsController {
  constructor(
    private readonly invitations: InvitationsService,
    private readonly auth: AuthService,
    private readonly tokens: RefreshTokenTransport,
  ) {}

  @Post('accept')
  @Endpoint({
    summary: 'Accept an invitation and sign in',
    returns: item(tokenPairSchema),
    status: 200,
    errors: [InvalidCredentialsError, EmailTakenError],
  })
  @Public()
  @RateLimit('sign-in')
  async acceptInvitation(
    @Body({ schema: acceptSchema }) { token, displayName }: Accept,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { email } = await this.invitations.consume(token);
    const by = { method: 'invitation', device: this.tokens.deviceOf(request) };
    const session = await this.auth.registerAndSignIn({ email, displayName }, by);
    return { data: await this.tokens.completeSignIn(session, 'body', request, reply) };
  }
}

const signInSchema = z.strictObject({ userId: z.string() }).meta({ id: 'DirectorySignIn' });

@Tag('Directory', 'Sign-in with a company directory.')
@Controller({ path: 'directory', version: '1' })
class DirectoryController {
  constructor(
    private readonly auth: AuthService,
    private readonly tokens: RefreshTokenTransport,
  ) {}

  @Post('sign-in')
  @Endpoint({
    summary: 'Sign in with the directory',
    returns: item(tokenPairSchema),
    status: 200,
    errors: [InvalidCredentialsError, AccountSuspendedError],
  })
  @Public()
  @RateLimit('sign-in')
  async signInWithDirectory(
    @Body({ schema: signInSchema }) { userId }: { userId: string },
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const by = { method: 'directory', device: this.tokens.deviceOf(request) };
    const session = await this.auth.signIn(userId, by);
    return { data: await this.tokens.completeSignIn(session, 'body', request, reply) };
  }

  @Post('sign-out-elsewhere')
  @Endpoint({ summary: 'Sign out everywhere else' })
  async signOutElsewhere(@CurrentUser() caller: Principal) {
    await this.auth.logoutAll(caller, caller.sessionId);
  }
}

@Module({
  imports: [AuthHttpModule],
  providers: [InvitationsService],
  controllers: [InvitationsController, DirectoryController],
})
export class InvitationsModule {}
