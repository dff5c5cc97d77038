import { rule, type Rule } from '../authorization-rule.ts';

export const rows: Record<string, Rule> = {
  //               anonymous other owner admin
  getApiInfo: rule([200, 200, 200, 200]),
  getSecurityContacts: rule([404, 404, 404, 404]),
  listProblems: rule([200, 200, 200, 200]),
  getProblem: rule([404, 404, 404, 404]),
  checkLiveness: rule([200, 200, 200, 200]),
  checkReadiness: rule([200, 200, 200, 200]),
};
