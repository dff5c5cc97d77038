import { Global, Module } from '@nestjs/common';
import { Paginator } from '../http/paginator.ts';
import { KeyRing } from './key-ring.ts';
import { RateLimiter } from './rate-limiter.service.ts';
import { MacService } from './mac.service.ts';

@Global()
@Module({
  providers: [MacService, KeyRing, Paginator, RateLimiter],
  exports: [MacService, KeyRing, Paginator, RateLimiter],
})
export class SecurityModule {}
