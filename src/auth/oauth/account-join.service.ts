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
import { StrangersAccessService } from './strangers-access.service.ts';

const DISPLAY_NAME_MAX = 100;

/** Two first sign-ins of one subject crossed; the next try finds what the other one made. */
export class SubjectTakenMeanwhile extends Error {}

/**
 * Which account a provider’s sign-in opens. The rules are those against account pre-hijacking (Sudhodanan and Paverd,
 * USENIX Security 2022): an address joins accounts only where both sides have proven it, and whoever proves it first
 * finds nothing that a stranger left there.
 */
@Injectable()
export class AccountJoinService {
  constructor(
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly strangersAccess: StrangersAccessService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /**
   * Resolves with the user's row locked. Throws ACCESS_DENIED, EMAIL_UNVERIFIED or ACCOUNT_EXISTS; SubjectTakenMeanwhile where the same once more will do.
   */
  async accountFor(provider: ProviderName, profile: ProviderProfile, tx: EntityManager): Promise<User> {
    const known = await this.identities.ownerForUpdate(provider, profile, tx);
    if (known) return assertActive(known);
    const newUser = newUserFrom(profile);
    const { user, isNew } = await this.users.createUnlessTaken(newUser, tx);
    // Of many at once another may have been first, while this one waited for the row.
    const meanwhile = isNew ? null : await this.identities.ownerForUpdate(provider, profile, tx);
    if (meanwhile) return assertActive(meanwhile);
    const { displayName } = newUser;
    if (!isNew) await this.open(user, { provider, isRelay: profile.isRelay, displayName }, tx);
    if (!user.emailVerifiedAt) {
      await this.users.change({ id: user.id }, { emailVerifiedAt: new Date() }, tx);
    }
    if (!(await this.identities.add(user, provider, profile, tx))) throw new SubjectTakenMeanwhile();
    if (!isNew) await this.alerts.send('identity-linked', user, tx);
    return user;
  }

  /** Makes an account that has the address already ready to be joined, or refuses. */
  private async open(
    user: User,
    { provider, isRelay, displayName }: { provider: ProviderName; isRelay: boolean; displayName: string },
    tx: EntityManager,
  ): Promise<void> {
    assertActive(user);
    // Made by the provider for us alone: an account that has it already got it by another way than its owner.
    if (isRelay) throw new AccountExistsError();
    if (!user.emailVerifiedAt) {
      await this.users.change({ id: user.id }, { passwordHash: null, displayName }, tx);
      await this.strangersAccess.revoke(user.id, tx);
      return;
    }
    // Another subject of this provider has or had the address: not the same person, for all we know.
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
  // Text of a stranger: taken if it could have been typed in here, else the name part of the address.
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
    // Half of a character that was cut in two.
    .replace(/[\uD800-\uDBFF]$/, '');
