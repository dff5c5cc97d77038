import { CreateUsersAndSessions1763800000000 } from '../../../migrations/1763800000000-create-users-and-sessions.ts';
import { CreateSignInTables1763900000000 } from '../../../migrations/1763900000000-create-sign-in-tables.ts';
import { CreateNotifications1764000100000 } from '../../../migrations/1764000100000-create-notifications.ts';
import { CreateJobs1763800100000 } from '../../../migrations/1763800100000-create-jobs.ts';
import { CreateWebhooks1764100000000 } from '../../../migrations/1764100000000-create-webhooks.ts';
import { CreateInboundWebhooks1764100100000 } from '../../../migrations/1764100100000-create-inbound-webhooks.ts';
import { CreateWebhookAttempts1764200200000 } from '../../../migrations/1764200200000-create-webhook-attempts.ts';
import { IndexWhatIsPurged1764300000000 } from '../../../migrations/1764300000000-index-what-is-purged.ts';

/** Oldest first. A list, not a glob: a glob loads files behind the back of bundlers and of the test runner. */
export const migrations = [
  CreateUsersAndSessions1763800000000,
  CreateJobs1763800100000,
  CreateSignInTables1763900000000,
  CreateNotifications1764000100000,
  CreateWebhooks1764100000000,
  CreateInboundWebhooks1764100100000,
  CreateWebhookAttempts1764200200000,
  IndexWhatIsPurged1764300000000,
];
