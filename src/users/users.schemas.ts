import { z } from 'zod';
import {
  emailSchema,
  idSchema,
  nameText,
  pageNumberSchema,
  pageQuery,
  text,
  timestampSchema,
} from '../platform/http/schemas.ts';
import { knownLocale, LOCALES } from '../platform/i18n/locales.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { ROLE_NAME, Roles } from '../platform/security/permissions.ts';
import { type User, userStatuses } from './user.entity.ts';

const DISPLAY_NAME_MAX = 100;
const SEARCH_MAX = 100;

export const displayNameSchema = nameText(DISPLAY_NAME_MAX);

export const userSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    displayName: z.string(),
    locale: z
      .enum(LOCALES)
      .nullable()
      .describe('Language of mails and notifications. Null: the default of the server.'),
    role: z.string().describe('The role determines the permissions. A newer release may add roles.'),
    status: z.enum(userStatuses),
    emailVerified: z.boolean(),
    avatarUrl: z.string().nullable().describe('The URL of the profile picture. It does not expire.'),
    createdAt: timestampSchema,
    updatedAt: timestampSchema,
  })
  .meta({ id: 'User' })
  .register(examples, {
    User: {
      id: sample.userId,
      email: sample.email,
      displayName: sample.displayName,
      locale: 'en',
      role: 'user',
      status: 'active',
      emailVerified: true,
      avatarUrl: `https://api.example.com/v1/users/avatars/${sample.id}`,
      createdAt: sample.earlier,
      updatedAt: sample.later,
    },
  });

/** The account as its owner and administrators see it, without the properties that need settings. */
export const userView = (user: User) => ({
  ...user,
  locale: knownLocale(user.locale),
  emailVerified: user.emailVerifiedAt !== null,
});

/** Not the URL of the storage: that one expires, but events and caches keep this URL. */
export const avatarUrlOf = ({ avatarFileId }: User, publicUrl: string): string | null =>
  avatarFileId && `${publicUrl}/v1/users/avatars/${avatarFileId}`;

export const setAvatarSchema = z
  .strictObject({ fileId: text({ max: 36 }).pipe(idSchema) })
  .meta({ id: 'SetAvatar' })
  .register(examples, { 'An uploaded file': { fileId: sample.id } });
export type SetAvatar = z.output<typeof setAvatarSchema>;

export const updateMeSchema = z
  .strictObject({
    displayName: displayNameSchema.optional(),
    locale: z.enum(LOCALES).optional().describe('Language of mails and notifications.'),
  })
  .meta({ id: 'UpdateMe' })
  .register(examples, { 'New name': { displayName: 'Ada King' }, 'German mails': { locale: 'de' } });
export type UpdateMe = z.output<typeof updateMeSchema>;

const roleNameSchema = text({ max: 32 }).regex(ROLE_NAME).meta({ example: 'admin' });

export const updateUserSchema = z
  .strictObject({
    role: text({ max: 32 }).meta({ keyOf: Roles }).optional(),
    status: z.enum(userStatuses).optional(),
  })
  .meta({ id: 'UpdateUser' })
  .register(examples, { Suspend: { status: 'suspended' }, 'Make an administrator': { role: 'admin' } });
export type UpdateUser = z.output<typeof updateUserSchema>;

export const usersQuerySchema = pageQuery(['relevance', 'createdAt', 'email'], {
  status: z.enum(userStatuses).optional(),
  role: roleNameSchema
    .optional()
    .describe('Also finds accounts with a role that this release no longer defines.'),
  email: text({ min: 1, max: 254 })
    .toLowerCase()
    .optional()
    .describe('Only emails that start with this text.')
    .meta({ example: 'ada@' }),
  q: text({ min: 1, max: SEARCH_MAX })
    .optional()
    .describe('Only accounts whose name or email has words that start with each of these words.')
    .meta({ example: 'ada love' }),
  page: pageNumberSchema,
});
export type UsersQuery = z.output<typeof usersQuerySchema>;

export const myPermissionsSchema = z
  .object({
    role: z.string(),
    permissions: z.array(z.string()).describe('In alphabetical order. Features define them.'),
  })
  .meta({ id: 'MyPermissions' })
  .register(examples, {
    User: { role: 'user', permissions: [] },
    Support: { role: 'support', permissions: ['jobs:read', 'users:read'] },
  });

export const userIdSchema = idSchema;

/** The parsed columns of one import line. */
export const importLineSchema = z.object({
  email: emailSchema,
  displayName: displayNameSchema,
  role: roleNameSchema,
});
export type ImportLine = z.output<typeof importLineSchema>;
