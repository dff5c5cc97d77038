import { definePermission } from '../platform/security/permissions.ts';

export const jobsRead = definePermission({
  name: 'jobs:read',
  description: 'List and watch the jobs of every user and of the system.',
});

export const jobsManage = definePermission({
  name: 'jobs:manage',
  description: 'Cancel and retry the jobs of every user and of the system.',
});

export const jobsDownload = definePermission({
  name: 'jobs:download',
  description: 'Download the results of the jobs of others, such as exports of their data.',
});

export const queuesManage = definePermission({
  name: 'queues:manage',
  description: 'List, pause and resume the queues of jobs.',
});
