import { Global, Module } from '@nestjs/common';
import { MessageBus } from './message-bus.ts';

@Global()
@Module({ providers: [MessageBus], exports: [MessageBus] })
export class BusModule {}
