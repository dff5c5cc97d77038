import { definePolicy } from '../platform/security/policy.ts';
import { Job } from './job.entity.ts';

/** Jobs of the system have no owner. */
export const jobPolicy = definePolicy(Job, {
  relations: { owner: ({ userId }) => ({ userId }) },
  actions: {
    read: ['owner', 'admin'],
    cancel: ['owner', 'admin'],
    retry: ['owner', 'admin'],
  },
});
