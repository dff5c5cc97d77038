import { z } from 'zod';
import { emailSchema, tokenSchema } from '../platform/http/schemas.ts';
import { examples, sample } from '../platform/openapi/examples.ts';
import { displayNameSchema } from '../users/users.schemas.ts';
import { newPasswordSchema, passwordSchema, checkWithoutEmail } from './passwords/passwords.schemas.ts';

export const registerSchema = z
  .strictObject({ email: emailSchema, password: newPasswordSchema, displayName: displayNameSchema })
  .superRefine(checkWithoutEmail)
  .meta({ id: 'Register' })
  .register(examples, {
    'New account': { email: sample.email, password: sample.password, displayName: sample.displayName },
  });
export type Register = z.output<typeof registerSchema>;

export const resendVerificationSchema = z
  .strictObject({ email: emailSchema })
  .meta({ id: 'ResendVerification' })
  .register(examples, { 'Own email': { email: sample.email } });
export type ResendVerification = z.output<typeof resendVerificationSchema>;

export const refreshTokenInSchema = z
  .enum(['body', 'cookie'])
  .optional()
  .describe(
    'Where the refresh token is sent: in the response body, or in a cookie that scripts can’t read. Default: body.',
  );

export const verifyEmailSchema = z
  .strictObject({
    token: tokenSchema.describe('From the link in the mail.'),
    password: passwordSchema.describe('The password of the registration that sent the mail.'),
    refreshTokenIn: refreshTokenInSchema,
  })
  .meta({ id: 'VerifyEmail' })
  .register(examples, {
    'Refresh token in the body': { token: sample.token, password: sample.password },
    'Refresh token in a cookie': { token: sample.token, password: sample.password, refreshTokenIn: 'cookie' },
  });
export type VerifyEmail = z.output<typeof verifyEmailSchema>;

export const loginSchema = z
  .strictObject({ email: emailSchema, password: passwordSchema, refreshTokenIn: refreshTokenInSchema })
  .meta({ id: 'Login' })
  .register(examples, {
    'Refresh token in the body': { email: sample.email, password: sample.password },
    'Refresh token in a cookie': { email: sample.email, password: sample.password, refreshTokenIn: 'cookie' },
  });
export type Login = z.output<typeof loginSchema>;

export const refreshSchema = z
  .strictObject({
    refreshToken: tokenSchema.optional().describe('Leave out if it is in the cookie.'),
    refreshTokenIn: refreshTokenInSchema,
  })
  .meta({ id: 'Refresh' })
  .register(examples, {
    'Refresh token in the body': { refreshToken: sample.token },
    'Refresh token in the cookie': {},
  });
export type Refresh = z.output<typeof refreshSchema>;

export const changeEmailSchema = z
  .strictObject({
    newEmail: emailSchema,
    password: passwordSchema.optional().describe('Required if the account has a password.'),
  })
  .meta({ id: 'ChangeEmail' })
  .register(examples, {
    'With a password': { newEmail: 'ada.lovelace@example.com', password: sample.password },
    'Account without a password': { newEmail: 'ada.lovelace@example.com' },
  });
export type ChangeEmail = z.output<typeof changeEmailSchema>;

export const confirmEmailChangeSchema = z
  .strictObject({ token: tokenSchema })
  .meta({ id: 'ConfirmEmailChange' })
  .register(examples, { 'Token from the mail': { token: sample.token } });
export type ConfirmEmailChange = z.output<typeof confirmEmailChangeSchema>;

export const tokenPairSchema = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string().optional().describe('Absent if it was sent in the cookie.'),
    tokenType: z.literal('Bearer'),
    expiresIn: z.int().describe('Seconds.'),
  })
  .meta({ id: 'TokenPair' })
  .register(examples, {
    'Refresh token in the body': {
      accessToken: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIwMTk5YTNiOCJ9.c2lnbmF0dXJl',
      refreshToken: sample.token,
      tokenType: 'Bearer',
      expiresIn: 600,
    },
    'Refresh token in a cookie': {
      accessToken: 'eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIwMTk5YTNiOCJ9.c2lnbmF0dXJl',
      tokenType: 'Bearer',
      expiresIn: 600,
    },
  });
