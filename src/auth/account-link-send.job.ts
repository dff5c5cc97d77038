import { z } from 'zod';
import { defineJob } from '../jobs/job-definition.ts';

/** The email is encrypted, because it may belong to a person without an account. */
export const accountLinkSend = defineJob({
  type: 'account-link-send',
  input: z.strictObject({ purpose: z.enum(['verify-email', 'reset-password']), encryptedEmail: z.string() }),
});

export type AccountLinkSend = z.output<typeof accountLinkSend.input>;

export const ENCRYPTED_EMAIL_PLACE = 'account-link-send email';
