import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditModule } from '../audit/audit.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { UserImportsService } from './imports/user-imports.service.ts';
import { AccountDeletionService } from './personal-data/account-deletion.service.ts';
// Defines the job type, which only API requests start.
// oxlint-disable-next-line import/no-unassigned-import
import './users.jobs.ts';
import { User } from './user.entity.ts';
import { UsersService } from './users.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([User]), AuditModule, JobsModule],
  providers: [UsersService, UserImportsService, AccountDeletionService],
  exports: [UsersService, UserImportsService, AccountDeletionService],
})
export class UsersModule {}
