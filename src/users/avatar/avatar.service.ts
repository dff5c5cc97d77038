import { Injectable } from '@nestjs/common';
import { DataSource, type EntityManager } from 'typeorm';
import { defineFilePurpose } from '../../files/file-purpose.ts';
import { FilesService } from '../../files/files.service.ts';
import { NotFoundError } from '../../platform/errors/platform.errors.ts';
import { assertVersion } from '../../platform/http/etag.ts';
import type { User } from '../user.entity.ts';
import { UsersService } from '../users.service.ts';

export const avatarPurpose = defineFilePurpose({
  name: 'avatar',
  maxBytes: 2 * 1024 * 1024,
  types: ['image/png', 'image/jpeg', 'image/webp'],
  inline: true,
});

@Injectable()
export class AvatarService {
  constructor(
    private readonly db: DataSource,
    private readonly users: UsersService,
    private readonly files: FilesService,
  ) {}

  set(userId: string, fileId: string, expectedVersion: number | undefined): Promise<User> {
    return this.db.transaction(async (tx) => {
      const user = await this.lock(userId, expectedVersion, tx);
      // A repeated request.
      if (user.avatarFileId === fileId) return user;
      await this.files.attach(fileId, avatarPurpose, userId, tx);
      return this.replace(user, fileId, tx);
    });
  }

  async remove(userId: string, expectedVersion: number | undefined): Promise<void> {
    await this.db.transaction(async (tx) => {
      const user = await this.lock(userId, expectedVersion, tx);
      if (user.avatarFileId) await this.replace(user, null, tx);
    });
  }

  /** The current URL of the image. Only `avatarUrl` contains the id, so a caller who has the id may see the image. */
  async locate(fileId: string): Promise<string> {
    const file = await this.files.findAttached(fileId, avatarPurpose);
    if (!file) throw new NotFoundError();
    return (await this.files.download(file)).url;
  }

  private async lock(userId: string, expectedVersion: number | undefined, tx: EntityManager): Promise<User> {
    const user = await this.users.findForUpdate(userId, tx);
    if (!user) throw new NotFoundError();
    assertVersion(user, expectedVersion);
    return user;
  }

  private async replace(user: User, avatarFileId: string | null, tx: EntityManager): Promise<User> {
    const changed = await this.users.change({ id: user.id }, { avatarFileId }, tx);
    if (user.avatarFileId) await this.files.release(user.avatarFileId, tx);
    return changed;
  }
}
