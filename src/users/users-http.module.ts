import { Module } from '@nestjs/common';
import { UserImportsController } from './imports/user-imports.controller.ts';
import { UsersController } from './users.controller.ts';
import { UsersModule } from './users.module.ts';

@Module({
  imports: [UsersModule],
  // In this order, or /v1/users/imports would match /v1/users/:id.
  controllers: [UserImportsController, UsersController],
})
export class UsersHttpModule {}
