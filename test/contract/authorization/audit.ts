import { rule, type Rule } from '../authorization-rule.ts';

export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  listAuditEvents: rule([401, 403, 403, 200], { permission: 'audit:read' }),
};
