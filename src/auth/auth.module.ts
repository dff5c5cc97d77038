import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { MailModule } from '../mail/mail.module.ts';
import { UsersModule } from '../users/users.module.ts';
import { AuthController } from './auth.controller.ts';
import { AuthService } from './auth.service.ts';
import { MailedToken } from './mailed-token.entity.ts';
import { MailedTokensService } from './mailed-tokens.service.ts';
import { PasswordsService } from './passwords.service.ts';
import { RegistrationService } from './registration.service.ts';
import { SessionsModule } from './sessions/sessions.module.ts';

@Module({
  imports: [TypeOrmModule.forFeature([MailedToken]), SessionsModule, UsersModule, MailModule],
  controllers: [AuthController],
  providers: [AuthService, RegistrationService, PasswordsService, MailedTokensService],
  exports: [PasswordsService, MailedTokensService],
})
export class AuthModule {}
