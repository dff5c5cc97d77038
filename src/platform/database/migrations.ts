import { CreateUsersAndSessions1763800000000 } from '../../../migrations/1763800000000-create-users-and-sessions.ts';
import { CreateJobs1763800100000 } from '../../../migrations/1763800100000-create-jobs.ts';
import { CreateSignInTables1763900000000 } from '../../../migrations/1763900000000-create-sign-in-tables.ts';
import { CreateNotifications1764000100000 } from '../../../migrations/1764000100000-create-notifications.ts';
import { CreateWebhooks1764100000000 } from '../../../migrations/1764100000000-create-webhooks.ts';
import { CreateInboundWebhooks1764100100000 } from '../../../migrations/1764100100000-create-inbound-webhooks.ts';
import { CreateIdempotencyKeys1764100200000 } from '../../../migrations/1764100200000-create-idempotency-keys.ts';

/** Oldest first. A list, because a glob would find .ts files in tests and .js files in the build. */
export const migrations = [
  CreateUsersAndSessions1763800000000,
  CreateJobs1763800100000,
  CreateSignInTables1763900000000,
  CreateNotifications1764000100000,
  CreateWebhooks1764100000000,
  CreateInboundWebhooks1764100100000,
  CreateIdempotencyKeys1764100200000,
];
