import {
  Args,
  Context,
  ID,
  Mutation,
  Parent,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { JobObject } from '../jobs/jobs.graphql.ts';
import { jobView } from '../jobs/jobs.schemas.ts';
import { JobsService } from '../jobs/jobs.service.ts';
import { pageQueryOf, toConnection } from '../platform/graphql/connections.ts';
import type { GraphqlContext } from '../platform/graphql/graphql-context.ts';
import { IdPipe } from '../platform/graphql/schema.pipe.ts';
import { CurrentUser } from '../platform/security/access.decorators.ts';
import type { Principal } from '../platform/security/principal.ts';
import { NotificationStreamService } from './notification-stream.service.ts';
import { NotificationConnection, NotificationObject, NotificationsArgs } from './notifications.graphql.ts';
import { notificationIdSchema, notificationsQuerySchema } from './notifications.schemas.ts';
import { NotificationsService, type ReadableNotification } from './notifications.service.ts';

@Resolver(() => NotificationObject)
export class NotificationsResolver {
  constructor(
    private readonly notifications: NotificationsService,
    private readonly streams: NotificationStreamService,
    private readonly jobs: JobsService,
  ) {}

  @Query(() => NotificationConnection, {
    name: 'notifications',
    description: 'Your own notifications. Sorts: `createdAt`.',
  })
  async listNotifications(@Args() { unread, ...args }: NotificationsArgs, @CurrentUser() caller: Principal) {
    // The schema is that of a URL query, whose values are strings.
    const query = pageQueryOf(notificationsQuerySchema, {
      ...args,
      ...(unread != null && { unread: String(unread) }),
    });
    const page = await this.notifications.list(query, caller);
    return Object.assign(
      toConnection(page, args, (row) => row),
      { unreadCount: page.meta.unreadCount },
    );
  }

  @Mutation(() => NotificationObject)
  async markNotificationRead(
    @Args('id', { type: () => ID }, new IdPipe(notificationIdSchema)) id: string,
    @CurrentUser() caller: Principal,
  ) {
    await this.notifications.markRead(id, caller);
    return this.notifications.get(id, caller);
  }

  @Subscription(() => NotificationObject, {
    resolve: (notification: ReadableNotification) => notification,
    description:
      'Each new notification, once and in order. With `after`, the id of the last one that you got, it starts with ' +
      'those that you missed.',
  })
  notificationAdded(
    @Args('after', { type: () => ID, nullable: true }) after: string | undefined,
    @CurrentUser() caller: Principal,
  ): Promise<AsyncIterator<ReadableNotification>> {
    return this.streams.iterate(caller, after);
  }

  @ResolveField(() => JobObject, {
    nullable: true,
    description: 'The related job. Null if there is none, or if it was deleted.',
  })
  async job(@Parent() { data }: ReadableNotification, @Context() { loaders, caller }: GraphqlContext) {
    const id = data['jobId'];
    if (typeof id !== 'string') return null;
    const job = await loaders.load('jobs', id, (ids) => this.jobs.findMany(ids, caller));
    return job && jobView(job);
  }
}
