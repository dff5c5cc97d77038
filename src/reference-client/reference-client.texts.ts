import type { Translated } from '../platform/i18n/locales.ts';
import { de } from './reference-client.de.ts';

/** The page and the server use it, so it must not import code of the server. */
export const en = {
  title: 'Reference client',
  introduction: 'A browser client of the API, to try and to copy from.',
  needsScript: 'This page needs JavaScript.',

  signIn: 'Sign in',
  signInWith: (provider: string) => `Sign in with ${provider}`,
  email: 'Email',
  password: 'Password',
  name: 'Name',
  newPassword: 'New password',
  newPasswordHint: 'At least 12 characters.',
  register: 'Register',
  // The same message for every email, so that the page does not reveal who has an account.
  registered: 'We sent you an email. Open the link in it and enter your password.',
  forgotPassword: 'Forgot password',
  resetSent: 'If this email has an account, we sent you an email.',
  verifyEmail: 'Verify email',
  choosePassword: 'Choose a new password',
  confirmEmail: 'Confirm the new email',
  continue: 'Continue',
  done: 'Done.',

  welcome: 'Welcome.',
  linked: (provider: string) => `${provider} is linked.`,
  signInFailed: 'The sign-in failed.',
  /** By the error code that a sign-in with a provider returns, in lower case. */
  signInErrors: {
    access_denied: 'You denied access at the provider.',
    provider_unavailable: 'The provider does not respond. Try again later.',
    account_exists: 'An account with this email exists. Sign in to it, then link the provider.',
    identity_conflict:
      'This identity belongs to another account, or you have already linked another identity of this provider.',
    email_unverified: 'The provider has not verified your email.',
  },

  profile: 'Profile',
  queues: 'Queues',
  signOut: 'Sign out',
  refresh: 'Refresh',
  picture: 'Picture',
  yourPicture: 'Your picture',
  removePicture: 'Remove picture',
  sessions: 'Sessions',
  thisSession: ' (this one)',
  lastUsed: (ipAddress: string) => `${ipAddress}, last used `,
  unknownIpAddress: 'Unknown IP address',
  endSession: 'End',
  unknownDevice: 'Unknown device',
  device: (browser: string, system: string) => `${browser} on ${system}`,
  identities: 'Linked identities',
  notLinked: 'Not linked',
  noEmail: 'No email',
  link: (provider: string) => `Link ${provider}`,
  unlink: (provider: string) => `Unlink ${provider}`,

  yourData: 'Your data',
  exportData: 'Export my data',
  exportContent: 'A ZIP file with everything that is stored about you.',
  importUsers: 'Import users',
  csvFile: 'CSV file (email, displayName, role)',
  progress: 'Progress ',
  cancel: 'Cancel',
  download: 'Download',
  /** By the status of a job, or by the reason why its stream ended. */
  jobStates: {
    queued: 'Queued.',
    active: 'Running.',
    completed: 'Completed.',
    cancelled: 'Cancelled.',
    deleted: 'The job was deleted.',
    'too-many-streams': 'Live updates ended: too many open pages.',
  },
};

export const referenceClientTexts: Translated<typeof en> = { en, de };
