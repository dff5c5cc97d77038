import { Global, Module } from '@nestjs/common';
import { Paginator } from '../http/paginator.ts';
import { KeyRing } from './key-ring.ts';
import { MacService } from './mac.service.ts';

@Global()
@Module({ providers: [MacService, KeyRing, Paginator], exports: [MacService, KeyRing, Paginator] })
export class SecurityModule {}
