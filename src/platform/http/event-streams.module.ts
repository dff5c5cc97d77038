import { Module } from '@nestjs/common';
import { EventStreams } from './event-streams.service.ts';

@Module({ providers: [EventStreams], exports: [EventStreams] })
export class EventStreamsModule {}
