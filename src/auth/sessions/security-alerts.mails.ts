import { z } from 'zod';
import type { MailTemplate } from '../../mail/mail-template.ts';

const alertMail = (name: string, subject: string, paragraphs: string[]): MailTemplate<object> => ({
  name,
  data: z.object({}),
  compose: () => ({ subject, paragraphs }),
});

const NOT_YOU = 'If it was not you, choose a new password now: use “Forgot password” where you sign in.';

/** Security alerts to the owner of an account. */
export const securityAlertMails = {
  'password-changed': alertMail('password-changed', 'Your password was changed', [
    'The password of your account was changed. Other devices were signed out.',
    NOT_YOU,
  ]),
  'email-changed': alertMail('email-changed', 'Your email was changed', [
    'Your account now has another email. You can no longer sign in with this one. All devices were signed out.',
    'If it was not you, reply to this mail now.',
  ]),
  'identity-linked': alertMail('identity-linked', 'A sign-in provider was linked', [
    'A Google, GitHub or Apple account was linked to your account. It can now be used to sign in.',
    'If it was not you, unlink it in your account settings and choose a new password.',
  ]),
  'identity-unlinked': alertMail('identity-unlinked', 'A sign-in provider was unlinked', [
    'A Google, GitHub or Apple account was unlinked from your account. Other devices were signed out.',
    NOT_YOU,
  ]),
  'refresh-token-reused': alertMail('refresh-token-reused', 'A device was signed out for your safety', [
    'A refresh token of one of your sessions was used twice. This happens if the token was copied. The session was revoked.',
    'Sign in again. If you think that your session was copied, change your password.',
  ]),
};
