import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.ts';
import { JobsModule } from '../jobs/jobs.module.ts';
import { PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { UserImportHandler } from './imports/user-import.handler.ts';
import { UserEraseHandler } from './personal-data/user-erase.handler.ts';
import { UserExportHandler } from './personal-data/user-export.handler.ts';
import { UsersModule } from './users.module.ts';

@Module({
  imports: [AuditModule, JobsModule, PersonalDataModule, UsersModule],
  providers: [UserEraseHandler, UserExportHandler, UserImportHandler],
})
export class UsersWorkerModule {}
