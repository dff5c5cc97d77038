import { rule, type Rule } from '../authorization-rule.ts';

export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  openDashboardSession: rule([401, 403, 403, 204], { permission: 'queues:watch' }),
  closeDashboardSession: rule([204, 204, 204, 204], { headers: { 'sec-fetch-site': 'same-origin' } }),
};
