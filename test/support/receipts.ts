import { Body, Controller, Delete, Get, Injectable, Module, Param, Post, Res } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { FastifyReply } from 'fastify';
import { randomUUIDv7 } from 'node:crypto';
import { Column, DataSource, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, Unique } from 'typeorm';
import { z } from 'zod';
import { defineFilePurpose } from '../../src/files/file-purpose.ts';
import { File } from '../../src/files/file.entity.ts';
import { FileNotUsableError } from '../../src/files/files.errors.ts';
import { FilesModule } from '../../src/files/files.module.ts';
import { FilesService } from '../../src/files/files.service.ts';
import { NotFoundError } from '../../src/platform/errors/platform.errors.ts';
import { idSchema, item } from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { examples, sample } from '../../src/platform/openapi/examples.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { PersonalDataModule } from '../../src/platform/personal-data/personal-data.module.ts';
import { CurrentUser } from '../../src/platform/security/access.decorators.ts';
import type { Principal } from '../../src/platform/security/principal.ts';
import { lockUsers } from '../../src/users/lock-users.ts';
import { User } from '../../src/users/user.entity.ts';

// The code of docs/guides/upload-files.md, in one file. A test compares them.

export const receiptPurpose = defineFilePurpose({
  name: 'receipt',
  maxBytes: 5 * 1024 * 1024,
  types: ['application/pdf', 'image/jpeg', 'image/png'],
});

@Entity('receipts')
@Unique('receipts_file_id_key', ['fileId'])
@Index('receipts_user_id_idx', ['userId'])
export class Receipt {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'receipts_user_id_fkey' })
  user?: User;

  @Column('uuid')
  fileId!: string;

  @ManyToOne(() => File, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'file_id', foreignKeyConstraintName: 'receipts_file_id_fkey' })
  file?: File;
}

@Injectable()
export class ReceiptsService {
  constructor(
    private readonly db: DataSource,
    private readonly files: FilesService,
  ) {}

  add(fileId: string, userId: string): Promise<Receipt> {
    return this.db.transaction(async (tx) => {
      await lockUsers([userId], tx);
      await this.files.attach(fileId, receiptPurpose, userId, tx);
      return tx.save(Receipt, { id: randomUUIDv7(), userId, fileId });
    });
  }

  /** Your rule decides who may read the file. Here: only its owner. */
  async download(id: string, userId: string): Promise<{ url: string; expiresAt: Date }> {
    const receipt = await this.db.manager.findOneBy(Receipt, { id, userId });
    const file = receipt && (await this.files.findAttached(receipt.fileId, receiptPurpose));
    if (!file) throw new NotFoundError();
    return this.files.download(file);
  }

  async remove(id: string, userId: string): Promise<void> {
    await this.db.transaction(async (tx) => {
      await lockUsers([userId], tx);
      const receipt = await tx.findOneBy(Receipt, { id, userId });
      if (!receipt) throw new NotFoundError();
      await tx.delete(Receipt, { id });
      await this.files.release(receipt.fileId, tx);
    });
  }
}

export const createReceiptSchema = z
  .strictObject({ fileId: idSchema })
  .meta({ id: 'CreateReceipt' })
  .register(examples, { 'An uploaded file': { fileId: sample.id } });

export const receiptSchema = z
  .object({ id: z.string(), fileId: z.string() })
  .meta({ id: 'Receipt' })
  .register(examples, { 'A receipt': { id: sample.userId, fileId: sample.id } });

@Tag('Receipts', 'The receipts of the signed-in user.')
@Controller({ path: 'receipts', version: '1' })
export class ReceiptsController {
  constructor(private readonly receipts: ReceiptsService) {}

  @Post()
  @Endpoint({
    summary: 'Add a receipt',
    description: 'Takes a file that you uploaded with the purpose `receipt`.',
    status: 201,
    returns: item(receiptSchema),
    errors: [FileNotUsableError],
  })
  async createReceipt(
    @Body({ schema: createReceiptSchema }) { fileId }: z.output<typeof createReceiptSchema>,
    @CurrentUser() { userId }: Principal,
  ) {
    return { data: await this.receipts.add(fileId, userId) };
  }

  @Get(':id/file')
  @Endpoint({
    summary: 'Download a receipt',
    status: 302,
    location: 'The URL of the file. It works for five minutes.',
    errors: [NotFoundError],
  })
  async downloadReceipt(
    @Param('id', { schema: idSchema }) id: string,
    @CurrentUser() { userId }: Principal,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const { url } = await this.receipts.download(id, userId);
    void reply.header('location', url).header('cache-control', 'no-store');
  }

  @Delete(':id')
  @Endpoint({ summary: 'Delete a receipt', errors: [NotFoundError] })
  async deleteReceipt(@Param('id', { schema: idSchema }) id: string, @CurrentUser() { userId }: Principal) {
    await this.receipts.remove(id, userId);
  }
}

@Module({
  imports: [
    TypeOrmModule.forFeature([Receipt]),
    FilesModule,
    FilesModule.forFeature([receiptPurpose]),
    PersonalDataModule.forFeature([
      {
        table: 'receipts',
        exported: { file: 'receipts', columns: 'id, file_id', where: 'user_id = $1' },
        erased: 'cascade',
      },
    ]),
  ],
  controllers: [ReceiptsController],
  providers: [ReceiptsService],
})
export class ReceiptsModule {}
