import { z } from 'zod';
import { emailSchema, tokenSchema } from '../platform/http/schemas.ts';
import { displayNameSchema } from '../users/users.schemas.ts';
import { newPasswordSchema, passwordSchema, refuseAddressIn } from './passwords/password.schema.ts';

export const registerSchema = z
  .strictObject({ email: emailSchema, password: newPasswordSchema, displayName: displayNameSchema })
  .superRefine(refuseAddressIn)
  .meta({ id: 'Register' });
export type Register = z.output<typeof registerSchema>;

export const verifyEmailSchema = z.strictObject({ token: tokenSchema }).meta({ id: 'VerifyEmail' });
export type VerifyEmail = z.output<typeof verifyEmailSchema>;

export const resendVerificationSchema = z
  .strictObject({ email: emailSchema })
  .meta({ id: 'ResendVerification' });
export type ResendVerification = z.output<typeof resendVerificationSchema>;

export const refreshTokenInSchema = z
  .enum(['body', 'cookie'])
  .optional()
  .describe(
    'Where the refresh token goes: into the answer, or into a cookie that scripts can’t read. Default: body.',
  );

export const loginSchema = z
  .strictObject({ email: emailSchema, password: passwordSchema, refreshTokenIn: refreshTokenInSchema })
  .meta({ id: 'Login' });
export type Login = z.output<typeof loginSchema>;

export const refreshSchema = z
  .strictObject({
    refreshToken: tokenSchema.optional().describe('Left out where it is in the cookie.'),
    refreshTokenIn: refreshTokenInSchema,
  })
  .meta({ id: 'Refresh' });
export type Refresh = z.output<typeof refreshSchema>;

export const changeEmailSchema = z
  .strictObject({
    newEmail: emailSchema,
    password: passwordSchema.optional().describe('Needed where the account has one.'),
  })
  .meta({ id: 'ChangeEmail' });
export type ChangeEmail = z.output<typeof changeEmailSchema>;

export const confirmEmailChangeSchema = z
  .strictObject({ token: tokenSchema })
  .meta({ id: 'ConfirmEmailChange' });
export type ConfirmEmailChange = z.output<typeof confirmEmailChangeSchema>;

export const tokenPairSchema = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string().optional().describe('Left out where it went into the cookie.'),
    tokenType: z.literal('Bearer'),
    expiresIn: z.int().describe('Seconds.'),
  })
  .meta({ id: 'TokenPair' });
