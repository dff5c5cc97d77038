import { type FieldRule, fieldRule } from '../graphql-rule.ts';
import { notification } from './notifications.ts';

const NO = 'UNAUTHENTICATED';

export const rows: Record<string, FieldRule> = {
  notifications: fieldRule([NO, 'ok', 'ok', 'ok'], '{ notifications { edges { node { id } } } }'),
  markNotificationRead: fieldRule(
    [NO, 'NOT_FOUND', 'ok', 'NOT_FOUND'],
    'mutation ($id: ID!) { markNotificationRead(id: $id) { id } }',
    notification,
  ),
  notificationAdded: fieldRule([NO, 'ok', 'ok', 'ok'], 'subscription { notificationAdded { id } }'),
};
