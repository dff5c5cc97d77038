import { notify } from '../../factories/notification.factory.ts';
import { rule, type Rule, type Thing } from '../authorization-rule.ts';

export const notification: Thing = async (app, owner) => {
  await notify(app, owner.user.id);
  return (await owner.get('/v1/notifications')).body.data[0].id as string;
};

export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  listNotifications: rule([401, 200, 200, 200]),
  markNotificationRead: rule([401, 404, 204, 404], { of: notification }),
  markAllNotificationsRead: rule([401, 204, 204, 204]),
  streamNotifications: rule([401, 200, 200, 200], { isEndless: true }),
};
