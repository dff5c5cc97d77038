import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule } from '../jobs/jobs.module.ts';
import { Config } from '../platform/config/config.ts';
import { PersonalDataModule } from '../platform/personal-data/personal-data.module.ts';
import { registerIn } from '../platform/registry/registry.ts';
import { MacService } from '../platform/security/mac.service.ts';
import { SchedulesModule } from '../schedules/schedules.module.ts';
import { type FilePurpose, FilePurposes } from './file-purpose.ts';
import { File } from './file.entity.ts';
import { fileOrphansRemove, fileRemove, hourlyFileOrphansRemove } from './files.jobs.ts';
import { FilesService } from './files.service.ts';
import { LocalStorage } from './storage/local-storage.ts';
import { S3Storage } from './storage/s3-storage.ts';
import { Storage } from './storage/storage.ts';

@Module({
  imports: [
    TypeOrmModule.forFeature([File]),
    PersonalDataModule.forFeature([
      {
        table: 'files',
        exported: {
          file: 'files',
          columns: `id, purpose, name, type, size, state, created_at`,
          where: `user_id = $1 AND state <> 'deleted'`,
        },
        // Keeps the rows without personal data, until the hourly job has removed the objects.
        erased: {
          sql: `UPDATE files SET state = 'deleted', user_id = NULL, name = ''
                WHERE id IN (SELECT id FROM files WHERE user_id = $1 LIMIT $2)`,
        },
      },
    ]),
    JobsModule,
    JobsModule.forFeature([fileOrphansRemove, fileRemove]),
    SchedulesModule.forFeature([hourlyFileOrphansRemove]),
  ],
  providers: [
    FilesService,
    FilePurposes,
    {
      provide: Storage,
      inject: [Config, MacService],
      useFactory: (config: Config, macs: MacService) =>
        config.FILES_STORAGE === 's3' ? new S3Storage(config) : new LocalStorage(config, macs),
    },
  ],
  exports: [FilesService, FilePurposes, Storage, TypeOrmModule],
})
export class FilesModule {
  /** For a feature that accepts files for these purposes. */
  static forFeature(purposes: FilePurpose[]): DynamicModule {
    return registerIn(FilesFeatureModule, FilePurposes, purposes);
  }
}

@Module({ imports: [FilesModule], exports: [FilesModule] })
class FilesFeatureModule {}
