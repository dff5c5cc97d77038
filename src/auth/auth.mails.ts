import { z } from 'zod';
import type { MailTemplate } from '../mail/mail-template.ts';

const linkData = z.object({ url: z.url() });
type LinkData = z.output<typeof linkData>;

export const verifyEmailMail: MailTemplate<LinkData> = {
  name: 'verify-email',
  data: linkData,
  compose: ({ url }) => ({
    subject: 'Verify your email',
    paragraphs: [
      'An account was registered with this email. If it was you, open the link and enter the password that you chose. The link is valid for 24 hours.',
      'If it was not you, ignore this mail. If you do not know the password, use “Forgot password” to choose a new one.',
    ],
    action: { label: 'Verify email', url },
  }),
};

export const alreadyRegisteredMail: MailTemplate<object> = {
  name: 'already-registered',
  data: z.object({}),
  compose: () => ({
    subject: 'You already have an account',
    paragraphs: [
      'This email was used to register, but it already has an account. Nothing was changed.',
      'If it was you, sign in. If you do not know the password, use “Forgot password”. If it was not you, ignore this mail.',
    ],
  }),
};

export const resetPasswordMail: MailTemplate<LinkData> = {
  name: 'reset-password',
  data: linkData,
  compose: ({ url }) => ({
    subject: 'Choose a new password',
    paragraphs: [
      'A new password was requested for the account with this email. If it was you, open the link. It is valid for 30 minutes.',
      'If it was not you, ignore this mail. Your password was not changed.',
    ],
    action: { label: 'Choose a new password', url },
  }),
};

export const confirmEmailChangeMail: MailTemplate<LinkData> = {
  name: 'confirm-email-change',
  data: linkData,
  compose: ({ url }) => ({
    subject: 'Confirm your new email',
    paragraphs: [
      'A user wants to use this email for their account. If it was you, open the link. It is valid for one hour.',
      'If it was not you, ignore this mail.',
    ],
    action: { label: 'Confirm email', url },
  }),
};
