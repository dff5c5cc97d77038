import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { JobsModule } from '../jobs/jobs.module.ts';
import { Mail } from './mail.entity.ts';
import { mailSend, MailService } from './mail.service.ts';

@Module({
  imports: [TypeOrmModule.forFeature([Mail]), JobsModule.forFeature([mailSend])],
  providers: [MailService],
  exports: [MailService],
})
export class MailModule {}
