import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { User } from '../../users/user.entity.ts';
import { displayNameSchema } from '../../users/users.schemas.ts';
import { type NewUser, UsersService } from '../../users/users.service.ts';
import { SecurityAlertsService } from '../sessions/security-alerts.service.ts';
import { IdentitiesService } from './identities.service.ts';
import type { ProviderName } from './identity.entity.ts';
import {
  AccessDeniedError,
  AccountExistsError,
  EmailUnverifiedError,
  ProviderFailedError,
} from './oauth.errors.ts';
import type { ProviderProfile } from './providers/provider.ts';
import { UnverifiedOwnerService } from './unverified-owner.service.ts';

const DISPLAY_NAME_MAX = 100;

/** Two first sign-ins of one subject ran in parallel. A retry finds the account of the other one. */
export class SubjectTakenError extends Error {}

/**
 * Finds or creates the account of a provider sign-in. Prevents account pre-hijacking (Sudhodanan and Paverd, USENIX
 * Security 2022): an email links accounts only if both sides have verified it. The first owner to verify it removes the
 * access of unverified owners.
 */
@Injectable()
export class AccountJoinService {
  constructor(
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly unverifiedOwner: UnverifiedOwnerService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /**
   * Resolves with the user's row locked. Throws ACCESS_DENIED, EMAIL_UNVERIFIED or ACCOUNT_EXISTS; SubjectTakenError if a retry will succeed.
   */
  async accountFor(provider: ProviderName, profile: ProviderProfile, tx: EntityManager): Promise<User> {
    const known = await this.identities.ownerForUpdate(provider, profile, tx);
    if (known) return assertActive(known);
    const newUser = newUserFrom(profile);
    const { user, isNew } = await this.users.createUnlessTaken(newUser, tx);
    // A parallel sign-in may have linked the identity while this one waited for the lock.
    const meanwhile = isNew ? null : await this.identities.ownerForUpdate(provider, profile, tx);
    if (meanwhile) return assertActive(meanwhile);
    const { displayName } = newUser;
    if (!isNew) await this.prepareLink(user, { provider, isRelay: profile.isRelay, displayName }, tx);
    if (!user.emailVerifiedAt) {
      await this.users.change({ id: user.id }, { emailVerifiedAt: new Date() }, tx);
    }
    if (!(await this.identities.add(user, provider, profile, tx))) throw new SubjectTakenError();
    if (!isNew) await this.alerts.send('identity-linked', user, tx);
    return user;
  }

  /** Prepares an existing account with this email for linking, or throws. */
  private async prepareLink(
    user: User,
    { provider, isRelay, displayName }: { provider: ProviderName; isRelay: boolean; displayName: string },
    tx: EntityManager,
  ): Promise<void> {
    assertActive(user);
    // A relay email belongs to one provider identity, so another account can't have it legitimately.
    if (isRelay) throw new AccountExistsError();
    if (!user.emailVerifiedAt) {
      await this.users.change({ id: user.id }, { passwordHash: null, displayName }, tx);
      await this.unverifiedOwner.revokeAccess(user.id, tx);
      return;
    }
    // Another subject of this provider has or had the email: it may be another person.
    if (await this.identities.has(user.id, provider, tx)) throw new AccountExistsError();
  }
}

function assertActive(user: User): User {
  if (user.status !== 'active' || user.deletedAt) throw new AccessDeniedError();
  return user;
}

function newUserFrom({ email, emailVerified, displayName }: ProviderProfile): NewUser {
  if (!emailVerified) throw new EmailUnverifiedError();
  if (!email) throw new ProviderFailedError({ detail: 'The provider sent an email that is not valid here.' });
  // Untrusted text: used if it is a valid display name, otherwise the name part of the email.
  const names = [displayName, email.split('@')[0]].map((name) =>
    displayNameSchema.safeParse(sanitizeName(name ?? '')),
  );
  const name = names.find(({ success }) => success)?.data ?? 'User';
  return { email, displayName: name, passwordHash: null };
}

const sanitizeName = (name: string): string =>
  name
    .replace(/\p{Cc}+/gu, ' ')
    .trim()
    .slice(0, DISPLAY_NAME_MAX)
    // Half of a surrogate pair.
    .replace(/[\uD800-\uDBFF]$/, '');
