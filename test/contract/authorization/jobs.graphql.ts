import { type FieldRule, fieldRule } from '../graphql-rule.ts';
import { failedJob, queuedJob } from './jobs.ts';

const NO = 'UNAUTHENTICATED';

export const rows: Record<string, FieldRule> = {
  job: fieldRule([NO, 'NOT_FOUND', 'ok', 'ok'], 'query ($id: ID!) { job(id: $id) { id } }', queuedJob, {
    permission: 'jobs:read',
    without: 'NOT_FOUND',
  }),
  jobs: fieldRule([NO, 'ok', 'ok', 'ok'], '{ jobs { edges { node { id } } } }'),
  startJob: fieldRule([NO, 'ok', 'ok', 'ok'], 'mutation { startJob(input: { type: "user-export" }) { id } }'),
  cancelJob: fieldRule(
    [NO, 'NOT_FOUND', 'ok', 'ok'],
    'mutation ($id: ID!) { cancelJob(id: $id) { id } }',
    queuedJob,
    { permission: 'jobs:manage' },
  ),
  retryJob: fieldRule(
    [NO, 'NOT_FOUND', 'ok', 'ok'],
    'mutation ($id: ID!) { retryJob(id: $id) { id } }',
    failedJob,
    { permission: 'jobs:manage' },
  ),
};
