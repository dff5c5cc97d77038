import { Module } from '@nestjs/common';
import { AvatarController } from './avatar/avatar.controller.ts';
import { UserImportsController } from './imports/user-imports.controller.ts';
import { JobOwnerResolver } from './job-owner.resolver.ts';
import { UsersController } from './users.controller.ts';
import { UsersModule } from './users.module.ts';
import { UsersResolver } from './users.resolver.ts';

@Module({
  imports: [UsersModule],
  // In this order, or /v1/users/imports would match /v1/users/:id.
  controllers: [AvatarController, UserImportsController, UsersController],
  providers: [UsersResolver, JobOwnerResolver],
})
export class UsersHttpModule {}
