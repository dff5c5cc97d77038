import { z } from 'zod';
import { defineMail } from '../mail/mail-template.ts';
import { authTexts } from './auth.texts.ts';

const linkData = z.object({ token: z.string() });

export const verifyEmailMail = defineMail({
  name: 'verify-email',
  data: linkData,
  text: (_data, locale) => authTexts[locale].mails.verifyEmail,
  link: ({ token }) => `/verify-email?token=${token}`,
  toUnverified: true,
});

export const alreadyRegisteredMail = defineMail({
  name: 'already-registered',
  data: z.object({}),
  text: (_data, locale) => authTexts[locale].mails.alreadyRegistered,
});

export const resetPasswordMail = defineMail({
  name: 'reset-password',
  data: linkData,
  text: (_data, locale) => authTexts[locale].mails.resetPassword,
  link: ({ token }) => `/reset-password?token=${token}`,
  // An imported account has no verified email until its owner has chosen a password.
  toUnverified: true,
});

export const confirmEmailChangeMail = defineMail({
  name: 'confirm-email-change',
  data: linkData,
  text: (_data, locale) => authTexts[locale].mails.confirmEmailChange,
  link: ({ token }) => `/confirm-email-change?token=${token}`,
  toUnverified: true,
});

export const linkedIdentitiesMail = defineMail({
  name: 'linked-identities',
  data: z.object({ providers: z.array(z.string()) }),
  text: ({ providers }, locale) => authTexts[locale].mails.linkedIdentities(providers.join(', ')),
  link: () => '/',
});
