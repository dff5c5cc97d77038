import { z } from 'zod';
import { defineEvent } from '../platform/events/domain-events.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { userSchema } from './users.schemas.ts';

export const userCreated = defineEvent({
  type: 'user.created',
  summary: 'An account was created, for example by registration.',
  data: userSchema,
  isPublic: true,
});

export const userUpdated = defineEvent({
  type: 'user.updated',
  summary: 'The profile of an account changed: its email, name, role, status or verification.',
  data: userSchema,
  isPublic: true,
});

/** Emitted by auth. Listeners disable resources that an attacker may have created, such as webhook endpoints. */
export const userAccessReset = defineEvent({
  type: 'user.access-reset',
  summary: 'The password of an account was reset by email.',
  data: z.object({ id: z.string() }),
  isPublic: false,
});

export const userRoleChanged = defineEvent({
  type: 'user.role-changed',
  summary: 'An administrator changed the role of a user.',
  data: z.object({ id: z.string(), from: z.string(), to: z.string() }),
  isPublic: false,
});

export const userSuspended = defineEvent({
  type: 'user.suspended',
  summary: 'An administrator suspended a user.',
  data: z.object({ id: z.string() }),
  isPublic: false,
});

/** Only the id, because the personal data is being removed. */
export const userDeleted = defineEvent({
  type: 'user.deleted',
  summary: 'An account was deleted.',
  data: z
    .object({ id: z.string() })
    .meta({ id: 'DeletedUser' })
    .register(examples, { 'Deleted account': { id: sample.userId } }),
  isPublic: true,
  outlivesUser: true,
});
