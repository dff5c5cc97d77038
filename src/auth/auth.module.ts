import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { MailModule } from '../mail/mail.module.ts';
import { PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { SeedsModule } from '../platform/seeds/seeds.module.ts';
import { UsersModule } from '../users/users.module.ts';
import { AccessRevocationService } from './access-revocation.service.ts';
import { accountLinkSend, AccountLinkRequests, AccountLinksService } from './account-links.service.ts';
import { authAuditEvents } from './auth.audit.ts';
import {
  alreadyRegisteredMail,
  confirmEmailChangeMail,
  resetPasswordMail,
  verifyEmailMail,
} from './auth.mails.ts';
import { accountsSeed } from './auth.seed.ts';
import { AuthService } from './auth.service.ts';
import { EmailChangeService } from './email-change.service.ts';
import { EmailToken } from './email-token.entity.ts';
import { EmailTokensService } from './email-tokens.service.ts';
import { EmailVerificationService } from './email-verification.service.ts';
import { CredentialsService } from './passwords/credentials.service.ts';
import { KnownDevices } from './passwords/known-devices.service.ts';
import { PasswordHasher } from './passwords/password-hasher.service.ts';
import { PasswordsService } from './passwords/passwords.service.ts';
import { SignInThrottle } from './passwords/sign-in-throttle.service.ts';
import { RegistrationService } from './registration.service.ts';
import { SessionsModule } from './sessions/sessions.module.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([EmailToken]),
    PersonalDataModule.forFeature([
      {
        table: 'email_tokens',
        exported: { exempt: 'Hashes of tokens that are valid for at most a day.' },
        erased: 'cascade',
      },
    ]),
    RetentionModule.forFeature([
      { table: 'email_tokens', expired: `expires_at < now()` },
      { table: 'sign_in_throttles', expired: `updated_at < now() - interval '1 day'` },
    ]),
    AuditModule.forFeature(authAuditEvents),
    SeedsModule.forFeature([accountsSeed]),
    SessionsModule,
    UsersModule,
    MailModule.forFeature([
      verifyEmailMail,
      alreadyRegisteredMail,
      resetPasswordMail,
      confirmEmailChangeMail,
    ]),
    JobsModule.forFeature([accountLinkSend]),
  ],
  providers: [
    AuthService,
    RegistrationService,
    EmailVerificationService,
    AccountLinksService,
    AccountLinkRequests,
    KnownDevices,
    EmailChangeService,
    AccessRevocationService,
    EmailTokensService,
    PasswordHasher,
    SignInThrottle,
    CredentialsService,
    PasswordsService,
  ],
  exports: [
    AuthService,
    RegistrationService,
    EmailVerificationService,
    EmailChangeService,
    AccountLinksService,
    AccountLinkRequests,
    KnownDevices,
    EmailTokensService,
    PasswordsService,
  ],
})
export class AuthModule {}
