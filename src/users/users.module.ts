import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { FilesModule } from '../files/files.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { DomainEventsModule } from '../platform/events/domain-events.module.ts';
import { PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { RetentionModule } from '../platform/retention/retention.module.ts';
import { PermissionsModule } from '../platform/security/permissions.ts';
import { avatarPurpose, AvatarService } from './avatar/avatar.service.ts';
import { UserImportsService } from './imports/user-imports.service.ts';
import { AccountDeletionService } from './personal-data/account-deletion.service.ts';
import { User } from './user.entity.ts';
import { accountDeleted, roleChanged, statusChanged } from './users.audit.ts';
import {
  userAccessReset,
  userCreated,
  userDeleted,
  userRoleChanged,
  userSuspended,
  userUpdated,
} from './users.events.ts';
import { userErase, userExport, userImport } from './users.jobs.ts';
import { usersChangeRole, usersImport, usersRead, usersUpdate } from './users.permissions.ts';
import { UsersService } from './users.service.ts';

/** Registered, but never verified. A valid link keeps the account. */
const unverifiedAccounts = {
  table: 'users',
  expired: `email_verified_at IS NULL AND password_hash IS NOT NULL AND imported_by_job_id IS NULL
    AND created_at < now() - interval '7 days'
    AND NOT EXISTS (SELECT 1 FROM email_tokens WHERE user_id = users.id AND expires_at > now())`,
};

@Module({
  imports: [
    TypeOrmModule.forFeature([User]),
    PersonalDataModule.forFeature([
      {
        table: 'users',
        exported: {
          file: 'profile',
          columns: `id, email, display_name, locale, role, status, email_verified_at, created_at, updated_at`,
          where: `id = $1 AND deleted_at IS NULL`,
        },
        erased: 'cascade',
      },
    ]),
    PermissionsModule.forFeature([usersRead, usersUpdate, usersChangeRole, usersImport]),
    RetentionModule.forFeature([unverifiedAccounts]),
    DomainEventsModule.forFeature([
      userCreated,
      userUpdated,
      userDeleted,
      userRoleChanged,
      userSuspended,
      userAccessReset,
    ]),
    FilesModule,
    FilesModule.forFeature([avatarPurpose]),
    JobsModule.forFeature([userImport, userExport, userErase]),
    AuditModule.forFeature([accountDeleted, roleChanged, statusChanged]),
  ],
  providers: [AvatarService, UsersService, UserImportsService, AccountDeletionService],
  exports: [AvatarService, UsersService, UserImportsService, AccountDeletionService],
})
export class UsersModule {}
