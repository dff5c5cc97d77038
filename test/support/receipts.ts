import { Injectable, Module } from '@nestjs/common';
import { randomUUIDv7 } from 'node:crypto';
import { DataSource } from 'typeorm';
import { defineFilePurpose } from '../../src/files/file-purpose.ts';
import { FilesModule } from '../../src/files/files.module.ts';
import { FilesService } from '../../src/files/files.service.ts';
import { NotFoundError } from '../../src/platform/errors/platform.errors.ts';
import { lockUsers } from '../../src/users/lock-users.ts';

export const receiptPurpose = defineFilePurpose({
  name: 'receipt',
  maxBytes: 5 * 1024 * 1024,
  types: ['application/pdf', 'image/jpeg', 'image/png'],
});

@Injectable()
export class ReceiptsService {
  constructor(
    private readonly db: DataSource,
    private readonly files: FilesService,
  ) {}

  add(fileId: string, userId: string): Promise<string> {
    return this.db.transaction(async (tx) => {
      await lockUsers([userId], tx);
      await this.files.attach(fileId, receiptPurpose, userId, tx);
      const id = randomUUIDv7();
      await tx.query(`INSERT INTO receipts (id, user_id, file_id) VALUES ($1, $2, $3)`, [id, userId, fileId]);
      return id;
    });
  }

  /** Your rule decides who may read the file. Here: only its owner. */
  async download(id: string, userId: string): Promise<{ url: string; expiresAt: Date }> {
    const [receipt] = await this.db.query<{ file_id: string }[]>(
      `SELECT file_id FROM receipts WHERE id = $1 AND user_id = $2`,
      [id, userId],
    );
    const file = receipt && (await this.files.findAttached(receipt.file_id, receiptPurpose));
    if (!file) throw new NotFoundError();
    return this.files.download(file);
  }

  async remove(id: string, userId: string): Promise<void> {
    await this.db.transaction(async (tx) => {
      const [[receipt]] = await tx.query<[{ file_id: string }[], number]>(
        `DELETE FROM receipts WHERE id = $1 AND user_id = $2 RETURNING file_id`,
        [id, userId],
      );
      if (!receipt) throw new NotFoundError();
      await this.files.release(receipt.file_id, tx);
    });
  }
}

@Module({
  imports: [FilesModule, FilesModule.forFeature([receiptPurpose])],
  providers: [ReceiptsService],
  exports: [ReceiptsService],
})
export class ReceiptsModule {}
