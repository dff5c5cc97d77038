import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { localize } from '../../platform/i18n/locales.ts';
import type { User } from '../../users/user.entity.ts';
import { displayNameSchema } from '../../users/users.schemas.ts';
import { type NewUser, UsersService } from '../../users/users.service.ts';
import { emailVerified } from '../auth.audit.ts';
import { authTexts } from '../auth.texts.ts';
import { EmailTokensService } from '../email-tokens.service.ts';
import { SecurityAlertsService } from '../sessions/security-alerts.service.ts';
import { SessionsService } from '../sessions/sessions.service.ts';
import { IdentitiesService } from './identities.service.ts';
import type { ProviderName } from './identity.entity.ts';
import {
  AccessDeniedError,
  AccountExistsError,
  EmailUnverifiedError,
  ProviderFailedError,
} from './oauth.errors.ts';
import type { ProviderProfile } from './providers/provider.ts';

const DISPLAY_NAME_MAX = 100;

/** A parallel sign-in has linked the same identity. A retry finds the account. */
export class IdentityLinkedConcurrentlyError extends Error {}

/**
 * Finds or creates the account of a provider sign-in. Prevents account pre-hijacking (Sudhodanan and Paverd, USENIX
 * Security 2022): an email links accounts only if both sides have verified it.
 */
@Injectable()
export class ProviderAccountsService {
  constructor(
    private readonly users: UsersService,
    private readonly identities: IdentitiesService,
    private readonly emailTokens: EmailTokensService,
    private readonly sessions: SessionsService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
  ) {}

  /**
   * Locks the user's row. Throws ACCESS_DENIED, EMAIL_UNVERIFIED or ACCOUNT_EXISTS, or
   * IdentityLinkedConcurrentlyError if a retry will succeed.
   */
  async findOrCreateAccount(
    provider: ProviderName,
    profile: ProviderProfile,
    tx: EntityManager,
  ): Promise<User> {
    const owner = await this.identities.findOwnerForUpdate(provider, profile, tx);
    if (owner) return assertActive(owner);
    const newUser = newUserFrom(profile);
    const { user, isNew } = await this.users.createUnlessTaken(newUser, tx);
    // A parallel sign-in may have linked the identity while this one waited for the lock.
    const newOwner = isNew ? null : await this.identities.findOwnerForUpdate(provider, profile, tx);
    if (newOwner) return assertActive(newOwner);
    const { displayName } = newUser;
    if (!isNew) {
      await this.prepareForLinking(user, { provider, isRelay: profile.isRelay, displayName }, tx);
    }
    if (!user.emailVerifiedAt) {
      await this.users.change({ id: user.id }, { emailVerifiedAt: new Date() }, tx);
    }
    if (!(await this.identities.add(user, provider, profile, tx))) {
      throw new IdentityLinkedConcurrentlyError();
    }
    if (!isNew) await this.alerts.send('identity-linked', user, tx);
    return user;
  }

  /** Throws if the existing account with this email must not be linked. */
  private async prepareForLinking(
    user: User,
    { provider, isRelay, displayName }: { provider: ProviderName; isRelay: boolean; displayName: string },
    tx: EntityManager,
  ): Promise<void> {
    assertActive(user);
    // A relay email belongs to one provider identity, so the account with this email is not the user's.
    if (isRelay) throw new AccountExistsError();
    if (!user.emailVerifiedAt) {
      await this.users.change({ id: user.id }, { passwordHash: null, displayName }, tx);
      await this.revokeUnverifiedOwner(user.id, tx);
      return;
    }
    // Another identity of this provider is linked. Its owner may be a different person who used the email earlier.
    if (await this.identities.has(user.id, provider, tx)) throw new AccountExistsError();
  }

  /** Revokes all access of a person who registered this email but never verified it. */
  private async revokeUnverifiedOwner(userId: string, tx: EntityManager): Promise<void> {
    await this.identities.removeAllOf(userId, tx);
    await this.emailTokens.revokeAllOf(userId, tx);
    await this.audit.record({ type: emailVerified, userId, data: {} }, tx);
    await this.sessions.revokeAllSessions(userId, 'identity-changed', tx);
  }
}

function assertActive(user: User): User {
  if (user.status !== 'active' || user.deletedAt) throw new AccessDeniedError();
  return user;
}

function newUserFrom({ email, emailVerified: isVerified, displayName }: ProviderProfile): NewUser {
  if (!isVerified) throw new EmailUnverifiedError();
  if (!email) {
    throw new ProviderFailedError({
      detail: localize(authTexts, (texts) => texts.emailInvalid),
    });
  }
  // The provider's name is untrusted: use it if it is valid, otherwise the local part of the email.
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
    // The cut may leave half of a surrogate pair.
    .replace(/[\uD800-\uDBFF]$/, '');
