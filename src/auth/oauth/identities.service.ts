import { Injectable, type OnModuleInit } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource, type EntityManager, Not } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { DomainEvents } from '../../platform/events/domain-events.ts';
import { type Principal, requireRecentSignIn } from '../../platform/security/principal.ts';
import type { User } from '../../users/user.entity.ts';
import { userDeleted } from '../../users/users.events.ts';
import { UsersService } from '../../users/users.service.ts';
import { identityLinked, identityUnlinked } from '../auth.audit.ts';
import { SecurityAlertsService } from '../sessions/security-alerts.service.ts';
import { SessionsService } from '../sessions/sessions.service.ts';
import { Identity, type ProviderName } from './identity.entity.ts';
import { IdentityConflictError, LastSignInMethodError, OAuthStateInvalidError } from './oauth.errors.ts';
import type { ProviderProfile } from './providers/provider.ts';
import { ProvidersService } from './providers/providers.service.ts';

/** Links provider identities to accounts. Every change locks the user’s row. */
@Injectable()
export class IdentitiesService implements OnModuleInit {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly sessions: SessionsService,
    private readonly providers: ProvidersService,
    private readonly audit: AuditService,
    private readonly alerts: SecurityAlertsService,
    private readonly events: DomainEvents,
  ) {}

  onModuleInit(): void {
    this.events.on(userDeleted, async ({ data }, tx) => {
      await tx.delete(Identity, { userId: data.id });
    });
  }

  /** Whether the owner of a relay email has disabled forwarding at the provider. */
  isEmailMuted(userId: string, email: string): Promise<boolean> {
    return this.db.manager.existsBy(Identity, { userId, email, emailMuted: true });
  }

  list(userId: string): Promise<Identity[]> {
    return this.db.manager.find(Identity, { where: { userId }, order: { createdAt: 'ASC' } });
  }

  /** Locks the row of the owner. Null if the identity is not linked. */
  async findOwnerForUpdate(
    provider: ProviderName,
    profile: ProviderProfile,
    tx: EntityManager,
  ): Promise<User | null> {
    const { subject } = profile;
    const identity = await tx.findOneBy(Identity, { provider, subject });
    if (!identity) return null;
    const { id, userId } = identity;
    const user = await this.users.findForUpdate(userId, tx);
    if (!user) {
      // A deleted account that is not erased yet releases the identity now.
      await tx.delete(Identity, { id });
      return null;
    }
    // It may have been unlinked while we waited for the lock.
    const email = verifiedEmail(profile) ?? identity.email;
    const { affected } = await tx.update(Identity, { id, userId }, { email });
    return affected ? user : null;
  }

  /** False if the subject is already linked, which the unique constraint decides. The caller has locked the user’s row. */
  async add(
    user: User,
    provider: ProviderName,
    profile: ProviderProfile,
    tx: EntityManager,
  ): Promise<boolean> {
    const id = randomUUIDv7();
    const { subject } = profile;
    await tx
      .createQueryBuilder()
      .insert()
      .into(Identity)
      .values({ id, userId: user.id, provider, subject, email: verifiedEmail(profile) })
      .orIgnore()
      .updateEntity(false)
      .execute();
    if (!(await tx.existsBy(Identity, { id }))) return false;
    await this.audit.record({ type: identityLinked, userId: user.id, data: { provider } }, tx);
    return true;
  }

  has(userId: string, provider: ProviderName, tx: EntityManager): Promise<boolean> {
    return tx.existsBy(Identity, { userId, provider });
  }

  async removeAllOf(userId: string, tx: EntityManager): Promise<void> {
    const identities = await tx.findBy(Identity, { userId });
    for (const { id, provider } of identities) await this.remove({ id, provider, userId }, tx);
  }

  /** Links the identity if the session that asked for it is still active. Repeating it changes nothing. */
  async link(sessionId: string, provider: ProviderName, profile: ProviderProfile): Promise<void> {
    await this.db.transaction(async (tx) => {
      const owner = await this.sessions.findActive(sessionId, tx);
      const user = owner && (await this.users.findForUpdate(owner.userId, tx));
      // Checked again under the lock: a revocation of all sessions takes the same lock first.
      const session = await this.sessions.findActive(sessionId, tx);
      if (user?.status !== 'active' || !session) throw new OAuthStateInvalidError();
      // Also checked at the start, but the provider's page may have been open for a long time.
      requireRecentSignIn({ authenticatedAt: session.createdAt });
      const { subject } = profile;
      if (await tx.existsBy(Identity, { provider, subject, userId: user.id })) return;
      const isFree = await this.add(user, provider, profile, tx);
      if (!isFree) throw new IdentityConflictError();
      await this.alerts.send('identity-linked', user, tx);
    });
  }

  /** Revokes the other sessions, because one of them may come from this provider. */
  async unlink(provider: ProviderName, { userId, sessionId }: Principal): Promise<void> {
    await this.db.transaction(async (tx) => {
      const user = await this.users.findForUpdate(userId, tx);
      const identity = user && (await tx.findOneBy(Identity, { userId, provider }));
      if (!identity) throw new NotFoundError();
      // Checked under the lock, so that two parallel requests can't unlink both methods.
      if (!user.passwordHash && !(await this.hasOtherThan(identity, tx))) throw new LastSignInMethodError();
      await this.remove(identity, tx);
      await this.alerts.send('identity-unlinked', user, tx);
      await this.sessions.revokeAllSessions(userId, 'identity-changed', tx, sessionId);
    });
  }

  /** Ignores providers without credentials, because users can't sign in with them. */
  private async hasOtherThan({ userId, provider }: Identity, tx: EntityManager): Promise<boolean> {
    const others = await tx.findBy(Identity, { userId, provider: Not(provider) });
    return others.some((other) => this.providers.names().includes(other.provider));
  }

  private async remove(
    { id, userId, provider }: Pick<Identity, 'id' | 'userId' | 'provider'>,
    tx: EntityManager,
  ): Promise<void> {
    await tx.delete(Identity, { id });
    await this.audit.record({ type: identityUnlinked, userId, data: { provider } }, tx);
  }
}

/** The email is shown to the user, so an email that the provider has not verified is not stored. */
const verifiedEmail = ({ email, emailVerified }: ProviderProfile) => (emailVerified ? email : null);
