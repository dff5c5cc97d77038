import { Module } from '@nestjs/common';
import { KeyRing } from './key-ring.ts';

/** The signing keys of access tokens. Only the API needs them. */
@Module({ providers: [KeyRing], exports: [KeyRing] })
export class KeysModule {}
