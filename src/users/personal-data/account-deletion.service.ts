import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { AuditService } from '../../audit/audit.service.ts';
import { requireRecentSignIn } from '../../platform/security/recent-sign-in.ts';
import { JobsService } from '../../jobs/jobs.service.ts';
import { Config } from '../../platform/config/config.ts';
import type { Principal } from '../../platform/security/principal.ts';
import { UsersService } from '../users.service.ts';
import { userErase } from './user-erase.job.ts';

/** Tokens outlive their session in the memory of nobody: its row must stay until the last of them has expired. */
const ERASE_MARGIN_SECONDS = 120;

@Injectable()
export class AccountDeletionService {
  constructor(
    private readonly users: UsersService,
    private readonly jobs: JobsService,
    private readonly audit: AuditService,
    private readonly config: Config,
  ) {}

  /**
   * Who the account belonged to is gone at once, and the address is free for a new one; a job removes the rest. The id
   * is never given to anybody else.
   */
  async delete(caller: Principal): Promise<void> {
    requireRecentSignIn(caller);
    await this.users.transaction((tx) => this.deleteWithin(caller.userId, tx));
  }

  /** The same for who may decide it elsewhere. */
  async deleteWithin(userId: string, tx: EntityManager): Promise<void> {
    // Jobs before the account: in this order a run that ends its job takes the locks, too.
    await stopJobsOf(userId, tx);
    await this.users.lockUnlessLastAdmin(userId, tx);
    await this.users.anonymise(userId, tx);
    await this.audit.record({ type: 'account-deleted', userId }, tx);
    const availableAt = new Date(
      Date.now() + (this.config.ACCESS_TOKEN_SECONDS + ERASE_MARGIN_SECONDS) * 1_000,
    );
    await this.jobs.enqueue(userErase, { userId }, { availableAt }, tx);
  }
}

async function stopJobsOf(userId: string, tx: EntityManager): Promise<void> {
  await tx.query(
    `UPDATE jobs SET
       status = CASE status WHEN 'queued' THEN 'cancelled' ELSE status END,
       finished_at = CASE status WHEN 'queued' THEN now() ELSE finished_at END,
       cancel_requested_at = now()
     WHERE user_id = $1 AND status IN ('queued', 'active')`,
    [userId],
  );
}
