import { type FieldRule, fieldRule } from '../authorization-rule.ts';

export const rows: Record<string, FieldRule> = {
  webhookEndpoints: fieldRule(
    ['UNAUTHENTICATED', 'ok', 'ok', 'ok'],
    '{ webhookEndpoints { edges { node { id } } } }',
  ),
};
