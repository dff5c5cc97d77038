import type { MailText } from '../mail/mail-template.ts';
import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './auth.de.ts';

const notYou = 'If it was not you, choose a new password now: use “Forgot password” where you sign in.';

interface Alert {
  mail: MailText;
  notification: { title: string; body: string };
}

export const en = {
  emailInvalid: 'The email from the provider has an invalid format. Use another way to sign in.',
  appleKeysMissing: (seconds: number) =>
    `The signing keys of Apple can’t be loaded. Try again in ${seconds} seconds.`,
  originMissing: 'A refresh with the cookie needs an Origin header from an allowed origin (CORS_ORIGINS).',
  sessionsUnknown: 'The server can’t check sessions now. Try again in a few seconds.',
  tooManyPasswords: (seconds: number) =>
    `Too many wrong passwords. Try again in ${seconds} seconds, or reset the password.`,
  hasherBusy: 'Too many password checks are waiting. Try again in a few seconds.',
  passwords: {
    invalidText: 'Must not contain NUL or half of a surrogate pair.',
    tooShort: (min: number) => `Must have at least ${min} characters.`,
    tooLong: (max: number) => `Must have at most ${max} characters.`,
    tooCommon: 'Is too easy to guess. Choose another password.',
    containsEmail: 'Must not contain your email.',
  },
  mails: {
    verifyEmail: {
      subject: 'Verify your email',
      paragraphs: [
        'An account was registered with this email. If it was you, open the link and enter the password that you chose. The link is valid for 24 hours.',
        'If it was not you, ignore this mail. If you do not know the password, use “Forgot password” to choose a new one.',
      ],
      action: 'Verify email',
    } as MailText,
    alreadyRegistered: {
      subject: 'You already have an account',
      paragraphs: [
        'This email was used to register, but it already has an account. Nothing was changed.',
        'If it was you, sign in. If you do not know the password, use “Forgot password”. If it was not you, ignore this mail.',
      ],
    } as MailText,
    resetPassword: {
      subject: 'Choose a new password',
      paragraphs: [
        'A new password was requested for the account with this email. If it was you, open the link. It is valid for 30 minutes.',
        'If it was not you, ignore this mail. Your password was not changed.',
      ],
      action: 'Choose a new password',
    } as MailText,
    confirmEmailChange: {
      subject: 'Confirm your new email',
      paragraphs: [
        'A user wants to use this email for their account. If it was you, open the link. It is valid for one hour.',
        'If it was not you, ignore this mail.',
      ],
      action: 'Confirm email',
    } as MailText,
    linkedIdentities: (providers: string): MailText => ({
      subject: 'Check how your account can be used to sign in',
      paragraphs: [
        'The password of your account was reset. These linked accounts can still be used to sign in:',
        providers,
        'If one of them is not yours, open your account settings and unlink it.',
      ],
      action: 'Open account settings',
    }),
  },
  /** Alerts to the owner of the account about changes that an attacker may have made. */
  alerts: {
    'password-changed': {
      mail: {
        subject: 'Your password was changed',
        paragraphs: ['The password of your account was changed. Other devices were signed out.', notYou],
      },
      notification: {
        title: 'Your password was changed',
        body: 'Other devices were signed out. If it was not you, choose a new password now.',
      },
    } as Alert,
    'email-changed': {
      mail: {
        subject: 'Your email was changed',
        paragraphs: [
          'Your account now has another email. You can no longer sign in with this one. All devices were signed out.',
          'If it was not you, reply to this mail now.',
        ],
      },
      notification: {
        title: 'Your email was changed',
        body: 'The old email can no longer be used to sign in. All devices were signed out.',
      },
    } as Alert,
    'identity-linked': {
      mail: {
        subject: 'A sign-in provider was linked',
        paragraphs: [
          'An account at a sign-in provider was linked to your account. It can now be used to sign in.',
          'If it was not you, unlink it in your account settings and choose a new password.',
        ],
      },
      notification: {
        title: 'A sign-in provider was linked',
        body: 'If it was not you, unlink it in your account settings and choose a new password.',
      },
    } as Alert,
    'identity-unlinked': {
      mail: {
        subject: 'A sign-in provider was unlinked',
        paragraphs: [
          'An account at a sign-in provider was unlinked from your account. Other devices were signed out.',
          notYou,
        ],
      },
      notification: {
        title: 'A sign-in provider was unlinked',
        body: 'Other devices were signed out. If it was not you, choose a new password now.',
      },
    } as Alert,
    'refresh-token-reused': {
      mail: {
        subject: 'A device was signed out for your safety',
        paragraphs: [
          'A refresh token of one of your sessions was used twice. This happens if the token was copied. The session was revoked.',
          'Sign in again. If you think that your session was copied, change your password.',
        ],
      },
      notification: {
        title: 'A device was signed out for your safety',
        body: 'A refresh token of one of your sessions was used twice. If you suspect that it was copied, change your password.',
      },
    } as Alert,
  },
};

export const authTexts: Translated<typeof en> = { en, de };
