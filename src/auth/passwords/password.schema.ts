import { z } from 'zod';
import { ValidationFailedError } from '../../platform/errors/platform.errors.ts';
import { isCommonPassword } from './common-passwords.ts';

const LENGTH_MIN = 12;
const LENGTH_MAX = 128;
/** In UTF-16 units, so that no more is normalised than could be a password. */
const RAW_MAX = 2 * LENGTH_MAX;
/** Shorter parts of an address stand in too many good passwords. */
const ADDRESS_NAME_MIN = 4;

const refusal = (code: string, message: string) => ({ error: message, params: { code } });

/** A password as someone types it in to sign in: bounded, and in the one form that is hashed (NFC). */
export const passwordSchema = z
  .string()
  .min(1)
  .max(RAW_MAX)
  .refine((value) => value.isWellFormed() && !value.includes('\0'), refusal('INVALID_TEXT', 'Not a text.'))
  .transform((value) => value.normalize('NFC'));

const lengthOf = (text: string) => [...text].length;

/** One that is to be set. Length in code points, no rules on what it is made of (NIST SP 800-63B-4, 3.1.1.2). */
export const newPasswordSchema = passwordSchema.superRefine((value, context) => {
  const length = lengthOf(value);
  if (length < LENGTH_MIN) {
    context.addIssue({
      code: 'custom',
      message: `At least ${LENGTH_MIN} characters.`,
      params: { code: 'TOO_SHORT' },
    });
  } else if (length > LENGTH_MAX) {
    context.addIssue({
      code: 'custom',
      message: `At most ${LENGTH_MAX} characters.`,
      params: { code: 'TOO_LONG' },
    });
  } else if (isCommonPassword(value)) {
    context.addIssue({ code: 'custom', message: 'Too easy to guess.', params: { code: 'TOO_COMMON' } });
  }
});

/** Whether it holds what anyone who knows the address would try first. */
export function containsAddress(password: string, email: string): boolean {
  // What follows a plus is a label of the same mailbox.
  const [name = ''] = email.split(/[@+]/);
  return name.length >= ADDRESS_NAME_MIN && password.toLowerCase().includes(name);
}

const CONTAINS_ADDRESS = { code: 'CONTAINS_EMAIL', message: 'Must not contain your address.' };

/** For bodies that hold the address beside the password. */
export function refuseAddressIn(
  { email, password }: { email: string; password: string },
  context: z.core.$RefinementCtx,
): void {
  if (!containsAddress(password, email)) return;
  const { code, message } = CONTAINS_ADDRESS;
  context.addIssue({ code: 'custom', path: ['password'], message, params: { code } });
}

/** For routes that learn the address from elsewhere; `path` is where the password stands in the body. */
export function refuseAddress(password: string, email: string, path: string): void {
  if (containsAddress(password, email))
    throw new ValidationFailedError({ details: [{ path, ...CONTAINS_ADDRESS }] });
}
