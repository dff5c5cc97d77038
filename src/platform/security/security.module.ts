import { Global, Module } from '@nestjs/common';
import { Paginator } from '../http/paginator.ts';
import { EncryptionService } from './encryption.service.ts';
import { KeyRing } from './key-ring.ts';
import { RateLimiter } from './rate-limiter.service.ts';
import { MacService } from './mac.service.ts';

@Global()
@Module({
  providers: [MacService, EncryptionService, KeyRing, Paginator, RateLimiter],
  exports: [MacService, EncryptionService, KeyRing, Paginator, RateLimiter],
})
export class SecurityModule {}
