import { z } from 'zod';
import { ValidationFailedError } from '../../platform/errors/platform.errors.ts';
import { emailSchema, tokenSchema } from '../../platform/http/schemas.ts';
import { translate } from '../../platform/logging/request-context.ts';
import { examples, sample } from '../../platform/openapi/examples.ts';
import { authTexts } from '../auth.texts.ts';
import { isCommonPassword } from './common-passwords.ts';

const LENGTH_MIN = 12;
const LENGTH_MAX = 128;
/** In UTF-16 units. Bounds the text before it is normalised. */
const RAW_MAX = 2 * LENGTH_MAX;
/** A shorter name part occurs in too many good passwords. */
const EMAIL_NAME_MIN = 4;

/** A password to sign in with: bounded, and in the form that is hashed (NFC). */
export const passwordSchema = z
  .string()
  .min(1)
  .max(RAW_MAX)
  .refine((value) => value.isWellFormed() && !value.includes('\0'), {
    error: () => translate(authTexts).passwords.invalidText,
    params: { code: 'INVALID_TEXT' },
  })
  .transform((value) => value.normalize('NFC'));

const lengthOf = (text: string) => [...text].length;

/** A new password. Its length counts code points; there are no composition rules (NIST SP 800-63B-4, 3.1.1.2). */
export const newPasswordSchema = passwordSchema.superRefine((value, context) => {
  const length = lengthOf(value);
  if (length < LENGTH_MIN) {
    context.addIssue({
      code: 'custom',
      message: translate(authTexts).passwords.tooShort(LENGTH_MIN),
      params: { code: 'TOO_SHORT' },
    });
  } else if (length > LENGTH_MAX) {
    context.addIssue({
      code: 'custom',
      message: translate(authTexts).passwords.tooLong(LENGTH_MAX),
      params: { code: 'TOO_LONG' },
    });
  } else if (isCommonPassword(value)) {
    context.addIssue({
      code: 'custom',
      message: translate(authTexts).passwords.tooCommon,
      params: { code: 'TOO_COMMON' },
    });
  }
});

/** Whether the password contains the name part of the email, which is easy to guess. */
export function containsEmail(password: string, email: string): boolean {
  // The part after a plus is a label of the same mailbox.
  const [name = ''] = email.split(/[@+]/);
  return name.length >= EMAIL_NAME_MIN && password.toLowerCase().includes(name);
}

const containsEmailFailure = () => ({
  code: 'CONTAINS_EMAIL',
  message: translate(authTexts).passwords.containsEmail,
});

/** For bodies that contain both email and password. */
export function checkWithoutEmail(
  { email, password }: { email: string; password: string },
  context: z.core.$RefinementCtx,
): void {
  if (!containsEmail(password, email)) return;
  const { code, message } = containsEmailFailure();
  context.addIssue({ code: 'custom', path: ['password'], message, params: { code } });
}

/** For bodies without the email. `path` is the property of the password. */
export function assertWithoutEmail(password: string, email: string, path: string): void {
  if (containsEmail(password, email))
    throw new ValidationFailedError({ details: [{ path, ...containsEmailFailure() }] });
}

export const forgotPasswordSchema = z
  .strictObject({ email: emailSchema })
  .meta({ id: 'ForgotPassword' })
  .register(examples, { 'Own email': { email: sample.email } });
export type ForgotPassword = z.output<typeof forgotPasswordSchema>;

export const resetPasswordSchema = z
  .strictObject({ token: tokenSchema, password: newPasswordSchema })
  .meta({ id: 'ResetPassword' })
  .register(examples, {
    'Token from the mail': { token: sample.token, password: 'another four plain words' },
  });
export type ResetPassword = z.output<typeof resetPasswordSchema>;

export const changePasswordSchema = z
  .strictObject({ currentPassword: passwordSchema, newPassword: newPasswordSchema })
  .meta({ id: 'ChangePassword' })
  .register(examples, {
    'New password': { currentPassword: sample.password, newPassword: 'another four plain words' },
  });
export type ChangePassword = z.output<typeof changePasswordSchema>;
