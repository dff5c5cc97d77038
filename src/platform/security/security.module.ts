import { Global, Module } from '@nestjs/common';
import { EncryptionService } from './encryption.service.ts';
import { RateLimiter } from './rate-limiter.service.ts';
import { MacService } from './mac.service.ts';

@Global()
@Module({
  providers: [MacService, EncryptionService, RateLimiter],
  exports: [MacService, EncryptionService, RateLimiter],
})
export class SecurityModule {}
