import { Global, Module } from '@nestjs/common';
import { QueueBackend } from './queue-backend.ts';

@Global()
@Module({ providers: [QueueBackend], exports: [QueueBackend] })
export class QueueModule {}
