import { createHash } from 'node:crypto';

export type ProviderName = 'google' | 'github' | 'apple';

/** A person with an account at a provider. */
export interface Person {
  /** The provider's id of the account: digits at GitHub. */
  subject: string;
  email: string;
  emailVerified: boolean;
  name: string;
  /** Google: the domain of a Workspace account, as the `hd` claim. */
  hostedDomain?: string;
  /** GitHub: the public email of the profile. It may belong to a different person. */
  publicEmail?: string;
  /** GitHub: more entries of /user/emails; `email` is the primary one. */
  otherEmails?: { email: string; primary: boolean; verified: boolean }[];
}

/** The people on the sign-in pages. */
export const PRESET_PERSONS = [
  { email: 'ada@example.com', name: 'Ada Lovelace', emailVerified: true },
  { email: 'grace@example.com', name: 'Grace Hopper', emailVerified: true },
  { email: 'mallory@example.com', name: 'Mallory Unverified', emailVerified: false },
];

/** The same email is always the same account, so that a developer can sign in again. */
export function personFrom(
  provider: ProviderName,
  { email, name, emailVerified }: { email: string; name: string; emailVerified: boolean },
): Person {
  return { subject: subjectFor(provider, email), email, name, emailVerified };
}

/** Has the format of each provider's ids. */
function subjectFor(provider: ProviderName, email: string): string {
  const hash = createHash('sha256').update(`${provider}:${email.toLowerCase()}`).digest();
  if (provider === 'github') return String(hash.readUInt32BE(0) % 1e8);
  if (provider === 'google') return `1${hash.readBigUInt64BE(0).toString().padStart(20, '0')}`;
  return `001${hash.toString('hex').slice(0, 3)}.${hash.toString('hex').slice(3, 35)}.1234`;
}
