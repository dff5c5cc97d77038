import { definePolicy } from '../platform/security/policy.ts';
import { Job } from './job.entity.ts';
import { jobsDownload, jobsManage, jobsRead } from './jobs.permissions.ts';

/** Jobs of the system have no owner. */
export const jobPolicy = definePolicy(Job, {
  relations: { owner: ({ userId }) => ({ userId }) },
  actions: {
    read: ['owner', jobsRead],
    cancel: ['owner', jobsManage],
    retry: ['owner', jobsManage],
    download: ['owner', jobsDownload],
  },
});
