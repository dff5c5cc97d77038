import { Global, Module } from '@nestjs/common';
import { Paginator } from './paginator.ts';

@Global()
@Module({ providers: [Paginator], exports: [Paginator] })
export class PaginationModule {}
