import { type FieldRule, fieldRule } from '../graphql-rule.ts';

export const rows: Record<string, FieldRule> = {
  webhookEndpoints: fieldRule(
    ['UNAUTHENTICATED', 'ok', 'ok', 'ok'],
    '{ webhookEndpoints { edges { node { id } } } }',
  ),
};
