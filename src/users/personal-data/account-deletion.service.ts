import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { FilesService } from '../../files/files.service.ts';
import { JobsService } from '../../jobs/jobs.service.ts';
import { Config } from '../../platform/config/config.ts';
import { assertVersion } from '../../platform/http/etag.ts';
import { type Principal, requireRecentSignIn } from '../../platform/security/principal.ts';
import { accountDeleted } from '../users.audit.ts';
import { userErase } from '../users.jobs.ts';
import { UsersService } from '../users.service.ts';

/** Keep the session rows until the last access token has expired: the revocation list is loaded from them. */
const ERASE_MARGIN_SECONDS = 120;

@Injectable()
export class AccountDeletionService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly jobs: JobsService,
    private readonly audit: AuditService,
    private readonly files: FilesService,
    private readonly config: Config,
  ) {}

  /**
   * Anonymizes the account immediately, so its email can be registered again. A job removes the rest. The id is never
   * reused.
   */
  async delete(caller: Principal, expectedVersion?: number): Promise<void> {
    requireRecentSignIn(caller);
    await this.db.transaction((tx) => this.deleteWithin(caller.userId, tx, expectedVersion));
  }

  /** For a deletion that the user requested at a provider. */
  async deleteWithin(userId: string, tx: EntityManager, expectedVersion?: number): Promise<void> {
    const user = await this.users.lockUnlessLastAdmin(userId, tx);
    if (user) assertVersion(user, expectedVersion);
    if (user?.avatarFileId) await this.files.release(user.avatarFileId, tx);
    await this.users.anonymise(userId, tx);
    await this.audit.record({ type: accountDeleted, userId, data: {} }, tx);
    const availableAt = new Date(
      Date.now() + (this.config.ACCESS_TOKEN_SECONDS + ERASE_MARGIN_SECONDS) * 1_000,
    );
    await this.jobs.enqueue(userErase, { userId }, { availableAt }, tx);
  }
}
