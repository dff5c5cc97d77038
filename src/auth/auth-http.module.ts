import { Module } from '@nestjs/common';
import { AuthController } from './auth.controller.ts';
import { AuthModule } from './auth.module.ts';
import { EmailChangeController } from './email-change.controller.ts';
import { KeysModule } from './keys/key-ring.ts';
import { IdentitiesController } from './oauth/identities.controller.ts';
import { OAuthController } from './oauth/oauth.controller.ts';
import { OAuthModule } from './oauth/oauth.module.ts';
import { PasswordsController } from './passwords/passwords.controller.ts';
import { RefreshTokenTransport } from './refresh-token-transport.service.ts';
import { AccessTokensService } from './sessions/access-tokens.service.ts';
import { AccessModule } from './sessions/access.module.ts';
import { SessionsModule } from './sessions/sessions.module.ts';

/** All routes of authentication, and the guard of every other route. Access tokens are signed and verified here only. */
@Module({
  imports: [AccessModule, AuthModule, KeysModule, OAuthModule, SessionsModule],
  controllers: [
    AuthController,
    PasswordsController,
    EmailChangeController,
    OAuthController,
    IdentitiesController,
  ],
  providers: [AccessTokensService, RefreshTokenTransport],
  exports: [AuthModule, RefreshTokenTransport, SessionsModule],
})
export class AuthHttpModule {}
