import { z } from 'zod';
import { emailSchema, tokenSchema } from '../../platform/http/schemas.ts';
import { newPasswordSchema, passwordSchema } from './password.schema.ts';

export const forgotPasswordSchema = z.strictObject({ email: emailSchema }).meta({ id: 'ForgotPassword' });
export type ForgotPassword = z.output<typeof forgotPasswordSchema>;

export const resetPasswordSchema = z
  .strictObject({ token: tokenSchema, password: newPasswordSchema })
  .meta({ id: 'ResetPassword' });
export type ResetPassword = z.output<typeof resetPasswordSchema>;

export const changePasswordSchema = z
  .strictObject({ currentPassword: passwordSchema, newPassword: newPasswordSchema })
  .meta({ id: 'ChangePassword' });
export type ChangePassword = z.output<typeof changePasswordSchema>;
