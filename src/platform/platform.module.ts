import { Global, Module } from '@nestjs/common';
import { MessageBus } from './bus/message-bus.ts';
import { Metrics } from './metrics/metrics.service.ts';
import { Paginator } from './pagination/paginator.ts';
import { PersonalDataModule } from './personal-data/personal-data.module.ts';
import { QueueBackend } from './queue/queue-backend.ts';
import { RedisConnections } from './redis/redis-connections.ts';
import { RetentionModule } from './retention/retention.module.ts';
import { EncryptionService } from './security/encryption.service.ts';
import { MacService } from './security/mac.service.ts';
import { PermissionsModule } from './security/permissions.ts';
import { RateLimiter } from './security/rate-limiter.service.ts';

const SERVICES = [
  Metrics,
  RedisConnections,
  QueueBackend,
  MessageBus,
  MacService,
  EncryptionService,
  RateLimiter,
  Paginator,
];

/** Services that most features use, in the API and in the worker. Global, so that features don't import it. */
@Global()
@Module({
  imports: [
    PermissionsModule,
    PersonalDataModule.forFeature([
      {
        table: 'idempotency_keys',
        exported: { exempt: 'Responses of the last day, which may contain secrets.' },
        erased: 'cascade',
      },
    ]),
    RetentionModule.forFeature([
      { table: 'rate_limits', expired: `expire < (extract(epoch FROM now()) - 3600) * 1000` },
      { table: 'idempotency_keys', expired: `created_at < now() - interval '1 day'` },
    ]),
  ],
  providers: SERVICES,
  exports: [...SERVICES, PermissionsModule],
})
export class PlatformModule {}
