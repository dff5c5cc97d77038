import { z } from 'zod';
import type { AuditEventType } from '../audit/audit-event-types.ts';

const none = z.object({});
const provider = z.object({ provider: z.string() });
const session = z.object({ sessionId: z.string() });

export const signIn = {
  name: 'sign-in',
  data: z.object({ method: z.string() }),
} satisfies AuditEventType;

export const signInFailed = {
  name: 'sign-in-failed',
  data: z.object({ method: z.string(), reason: z.string() }).partial(),
} satisfies AuditEventType;

export const signInBlocked = { name: 'sign-in-blocked', data: none } satisfies AuditEventType;

export const signOut = {
  name: 'sign-out',
  data: z.object({ sessions: z.enum(['all', 'others']).optional() }),
} satisfies AuditEventType;

export const refreshTokenReused = { name: 'refresh-token-reused', data: session } satisfies AuditEventType;
export const sessionEnded = { name: 'session-ended', data: session } satisfies AuditEventType;
export const passwordChanged = { name: 'password-changed', data: none } satisfies AuditEventType;
export const passwordReset = { name: 'password-reset', data: none } satisfies AuditEventType;
export const emailVerified = { name: 'email-verified', data: none } satisfies AuditEventType;
export const emailChanged = { name: 'email-changed', data: none } satisfies AuditEventType;
export const identityLinked = { name: 'identity-linked', data: provider } satisfies AuditEventType;
export const identityUnlinked = { name: 'identity-unlinked', data: provider } satisfies AuditEventType;

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
