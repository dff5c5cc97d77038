import { rule, type Rule } from '../authorization-rule.ts';

export const rows: Record<string, Rule> = {
  //              anonymous other owner admin
  listSchedules: rule([401, 403, 403, 200], { permission: 'schedules:manage' }),
  // No schedule has the name in the path.
  pauseSchedule: rule([401, 403, 403, 404], { permission: 'schedules:manage' }),
  runSchedule: rule([401, 403, 403, 404], { permission: 'schedules:manage' }),
  resumeSchedule: rule([401, 403, 403, 404], { permission: 'schedules:manage' }),
};
