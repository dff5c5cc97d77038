import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
} from 'typeorm';
import { User } from '../users/user.entity.ts';

/** `pending`: not uploaded or not checked. `deleted`: a job removes the object, then the row. */
export const fileStates = ['pending', 'ready', 'deleted'] as const;
export type FileState = (typeof fileStates)[number];

const bigint = { to: (value: number) => value, from: Number };

/** An uploaded file. Its bytes are in the storage (storage/storage.ts). */
@Entity('files')
@Check('files_size_check', `size > 0`)
@Check('files_state_check', `state IN ('pending', 'ready', 'deleted')`)
@Check('files_ready_check', `state <> 'ready' OR object_key IS NOT NULL AND sha256 IS NOT NULL`)
@Index('files_user_id_idx', ['userId', 'createdAt', 'id'])
@Index('files_deleted_idx', ['id'], { where: `state = 'deleted'` })
@Index('files_unused_idx', ['createdAt'], { where: `attached_at IS NULL AND state <> 'deleted'` })
@Index('files_object_key_idx', ['objectKey'])
export class File {
  @PrimaryColumn('uuid')
  id!: string;

  /** Null when the account is being deleted. */
  @Column('uuid', { nullable: true })
  userId!: string | null;

  @ManyToOne(() => User, { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'files_user_id_fkey' })
  user?: User | null;

  /** The name of a registered purpose, or of a purpose that only another release knows. */
  @Column('text')
  purpose!: string;

  @Column('text')
  name!: string;

  @Column('text')
  type!: string;

  @Column('bigint', { transformer: bigint })
  size!: number;

  @Column('text', { default: 'pending' })
  state!: FileState;

  /** The checked copy, to which no client can write. */
  @Column('text', { nullable: true })
  objectKey!: string | null;

  @Column('bytea', { nullable: true })
  sha256!: Buffer | null;

  /** When a feature attached the file. A file that is not attached within a day is removed. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  attachedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
