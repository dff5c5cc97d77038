import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { EventsModule } from '../platform/events/events.module.ts';
import { UserImportsService } from './imports/user-imports.service.ts';
import { AccountDeletionService } from './personal-data/account-deletion.service.ts';
import { User } from './user.entity.ts';
import {
  userAccessReset,
  userCreated,
  userDeleted,
  userRoleChanged,
  userSuspended,
  userUpdated,
} from './users.events.ts';
import { userErase, userExport, userImport } from './users.jobs.ts';
import { UsersService } from './users.service.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([User]),
    EventsModule.forFeature([
      userCreated,
      userUpdated,
      userDeleted,
      userRoleChanged,
      userSuspended,
      userAccessReset,
    ]),
    JobsModule.forFeature([userImport, userExport, userErase]),
    AuditModule,
  ],
  providers: [UsersService, UserImportsService, AccountDeletionService],
  exports: [UsersService, UserImportsService, AccountDeletionService],
})
export class UsersModule {}
