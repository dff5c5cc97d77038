import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../../audit/audit.module.ts';
import { MailModule } from '../../mail/mail.module.ts';
import { PersonalDataModule } from '../../platform/personal-data/personal-data.module.ts';
import { RetentionModule } from '../../platform/retention/retention.module.ts';
import { UsersModule } from '../../users/users.module.ts';
import { linkedIdentitiesMail } from '../auth.mails.ts';
import { AuthModule } from '../auth.module.ts';
import { SessionsModule } from '../sessions/sessions.module.ts';
import { AppleEventsService, AppleEventVerifier } from './apple-events.service.ts';
import { IdentitiesService } from './identities.service.ts';
import { Identity } from './identity.entity.ts';
import { LinkedIdentitiesReminder } from './linked-identities-reminder.service.ts';
import { OAuthAttempt } from './oauth-attempt.entity.ts';
import { OAuthAttemptsService } from './oauth-attempts.service.ts';
import { OAuthCode } from './oauth-code.entity.ts';
import { OAuthSignInService } from './oauth-sign-in.service.ts';
import { OAuthService } from './oauth.service.ts';
import { ProviderAccountsService } from './provider-accounts.service.ts';
import { ProvidersService } from './providers/providers.service.ts';

/** Sign-in with providers, and linking them to an account. */
@Module({
  imports: [
    TypeOrmModule.forFeature([Identity, OAuthAttempt, OAuthCode]),
    PersonalDataModule.forFeature([
      {
        table: 'identities',
        exported: {
          file: 'identities',
          columns: `provider, subject, email, created_at`,
          where: `user_id = $1`,
        },
        erased: 'cascade',
      },
      {
        table: 'oauth_codes',
        exported: { exempt: 'Hashes of codes that are valid for a minute.' },
        erased: 'cascade',
      },
    ]),
    RetentionModule.forFeature([
      { table: 'oauth_attempts', expired: `expires_at < now()` },
      { table: 'oauth_codes', expired: `expires_at < now()` },
    ]),
    AuthModule,
    MailModule.forFeature([linkedIdentitiesMail]),
    SessionsModule,
    UsersModule,
    AuditModule,
  ],
  providers: [
    ProvidersService,
    OAuthService,
    OAuthAttemptsService,
    OAuthSignInService,
    ProviderAccountsService,
    IdentitiesService,
    LinkedIdentitiesReminder,
    AppleEventVerifier,
    AppleEventsService,
  ],
  exports: [
    AppleEventVerifier,
    AppleEventsService,
    IdentitiesService,
    OAuthService,
    OAuthSignInService,
    ProvidersService,
  ],
})
export class OAuthModule {}
