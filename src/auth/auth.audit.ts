import { z } from 'zod';
import { defineAuditEvent } from '../audit/audit-event-types.ts';

const none = z.object({});
const provider = z.object({ provider: z.string() });
const session = z.object({ sessionId: z.string() });

export const signIn = defineAuditEvent({
  name: 'sign-in',
  data: z.object({ method: z.string() }),
});

export const signInFailed = defineAuditEvent({
  name: 'sign-in-failed',
  data: z.object({ method: z.string(), reason: z.string() }).partial(),
});

export const signInBlocked = defineAuditEvent({ name: 'sign-in-blocked', data: none });

export const signOut = defineAuditEvent({
  name: 'sign-out',
  data: z.object({ sessions: z.enum(['all', 'others']).optional() }),
});

export const refreshTokenReused = defineAuditEvent({ name: 'refresh-token-reused', data: session });
export const sessionEnded = defineAuditEvent({ name: 'session-ended', data: session });
export const passwordChanged = defineAuditEvent({ name: 'password-changed', data: none });
export const passwordReset = defineAuditEvent({ name: 'password-reset', data: none });
export const emailVerified = defineAuditEvent({ name: 'email-verified', data: none });
export const emailChanged = defineAuditEvent({ name: 'email-changed', data: none });
export const identityLinked = defineAuditEvent({ name: 'identity-linked', data: provider });
export const identityUnlinked = defineAuditEvent({ name: 'identity-unlinked', data: provider });

export const authAuditEvents = [
  signIn,
  signInFailed,
  signInBlocked,
  signOut,
  refreshTokenReused,
  sessionEnded,
  passwordChanged,
  passwordReset,
  emailVerified,
  emailChanged,
  identityLinked,
  identityUnlinked,
];
