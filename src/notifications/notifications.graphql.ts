import { ArgsType, Field, GraphQLISODateTime, ID, Int, ObjectType } from '@nestjs/graphql';
import { connectionOf, PageArgs } from '../platform/graphql/connections.ts';
import { JsonScalar } from '../platform/graphql/scalars.ts';

@ObjectType('Notification', { description: 'A message to you.' })
export class NotificationObject {
  @Field(() => ID)
  id!: string;

  @Field(() => String, {
    description: 'For example `job-completed`. For an unknown type, show the title and body.',
  })
  type!: string;

  @Field(() => String, { description: 'In your language: see `locale` of `me`.' })
  title!: string;

  @Field(() => String)
  body!: string;

  @Field(() => JsonScalar, {
    description: 'The properties depend on the type: see the REST schema `Notification`.',
  })
  data!: Record<string, unknown>;

  @Field(() => GraphQLISODateTime, { nullable: true })
  readAt!: Date | null;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;
}

@ObjectType()
export class NotificationConnection extends connectionOf(NotificationObject, 'Notification') {
  @Field(() => Int, { description: 'Your unread notifications on all pages.' })
  unreadCount!: number;
}

@ArgsType()
export class NotificationsArgs extends PageArgs {
  @Field(() => Boolean, { nullable: true })
  unread?: boolean | null;
}
