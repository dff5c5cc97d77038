import { Global, Module } from '@nestjs/common';
import { EncryptionService } from './encryption.service.ts';
import { KeyRing } from './key-ring.ts';
import { RateLimiter } from './rate-limiter.service.ts';
import { MacService } from './mac.service.ts';

@Global()
@Module({
  providers: [MacService, EncryptionService, KeyRing, RateLimiter],
  exports: [MacService, EncryptionService, KeyRing, RateLimiter],
})
export class SecurityModule {}
