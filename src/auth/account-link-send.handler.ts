import { JobHandler, type JobRunner } from '../jobs/job-handler.ts';
import { EncryptionService } from '../platform/security/encryption.service.ts';
import {
  type AccountLinkSend,
  accountLinkSend,
  AccountLinksService,
  EMAIL_ENCRYPTION_CONTEXT,
} from './account-links.service.ts';

@JobHandler(accountLinkSend)
export class AccountLinkSendHandler implements JobRunner<AccountLinkSend> {
  constructor(
    private readonly links: AccountLinksService,
    private readonly encryption: EncryptionService,
  ) {}

  async run({ purpose, encryptedEmail }: AccountLinkSend): Promise<void> {
    await this.links.sendLinkTo(this.encryption.decrypt(EMAIL_ENCRYPTION_CONTEXT, encryptedEmail), purpose);
  }
}
