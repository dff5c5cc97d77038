import { type DynamicModule, Global, Module } from '@nestjs/common';
import { registerIn } from '../registry/registry.ts';
import { DomainEvents, type EventDefinition, EventTypes } from './domain-events.ts';

@Global()
@Module({ providers: [DomainEvents, EventTypes], exports: [DomainEvents, EventTypes] })
export class DomainEventsModule {
  /** For the feature that emits these events. */
  static forFeature(types: EventDefinition[]): DynamicModule {
    return registerIn(EventsFeatureModule, EventTypes, types);
  }
}

@Module({})
class EventsFeatureModule {}
