import { z } from 'zod';
import { emailSchema } from '../platform/http/schemas.ts';
import { displayNameSchema } from '../users/users.schemas.ts';
import { newPasswordSchema, passwordSchema, refuseNameOfAddress } from './password.schema.ts';

const TOKEN_MAX = 200;
const tokenSchema = z.string().min(1).max(TOKEN_MAX);

export const registerSchema = z
  .strictObject({ email: emailSchema, password: newPasswordSchema, displayName: displayNameSchema })
  .superRefine(refuseNameOfAddress)
  .meta({ id: 'Register' });
export type Register = z.output<typeof registerSchema>;

export const verifyEmailSchema = z.strictObject({ token: tokenSchema }).meta({ id: 'VerifyEmail' });
export type VerifyEmail = z.output<typeof verifyEmailSchema>;

export const emailOnlySchema = z.strictObject({ email: emailSchema }).meta({ id: 'EmailOnly' });
export type EmailOnly = z.output<typeof emailOnlySchema>;

export const loginSchema = z
  .strictObject({ email: emailSchema, password: passwordSchema })
  .meta({ id: 'Login' });
export type Login = z.output<typeof loginSchema>;

export const refreshSchema = z.strictObject({ refreshToken: tokenSchema }).meta({ id: 'Refresh' });
export type Refresh = z.output<typeof refreshSchema>;

export const tokenPairSchema = z
  .object({
    accessToken: z.string(),
    refreshToken: z.string(),
    tokenType: z.literal('Bearer'),
    expiresIn: z.int().describe('Seconds.'),
  })
  .meta({ id: 'TokenPair' });

export const acceptedSchema = z
  .object({ status: z.literal('accepted') })
  .meta({ id: 'Accepted', description: 'The same answer whether the address has an account or not.' });
