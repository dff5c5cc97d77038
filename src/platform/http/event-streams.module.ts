import { Module } from '@nestjs/common';
import { EventStreams } from './event-streams.service.ts';
import { StreamPlaces } from './stream-places.service.ts';

@Module({ providers: [EventStreams, StreamPlaces], exports: [EventStreams] })
export class EventStreamsModule {}
