import {
  Check,
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  Unique,
  UpdateDateColumn,
} from 'typeorm';
import type { File } from '../files/file.entity.ts';

export const userStatuses = ['active', 'suspended'] as const;
export type UserStatus = (typeof userStatuses)[number];

@Entity('users')
@Unique('users_email_key', ['email'])
@Check('users_role_check', `role ~ '^[a-z][a-z0-9-]{0,31}$'`)
@Check('users_status_check', `status IN ('active', 'suspended')`)
@Check('users_unread_count_check', `unread_count >= 0`)
@Index('users_created_at_idx', ['createdAt', 'id'])
@Index('users_status_idx', ['status', 'createdAt', 'id'])
@Index('users_role_idx', ['role', 'createdAt', 'id'])
// An index on the words of name and email, which the decorator can't express.
@Index('users_search_idx', { synchronize: false })
@Index('users_avatar_file_id_idx', ['avatarFileId'], { where: 'avatar_file_id IS NOT NULL' })
@Index('users_unverified_idx', ['createdAt'], { where: 'email_verified_at IS NULL' })
export class User {
  @PrimaryColumn('uuid')
  id!: string;

  /** Canonical: NFC and lower case. */
  @Column({ type: 'text', collation: 'C' })
  email!: string;

  /** argon2id. Null if the account has no password (imported, or provider sign-in only). */
  @Column('text', { nullable: true })
  passwordHash!: string | null;

  @Column('text')
  displayName!: string;

  /** Language of mails. Null: DEFAULT_LOCALE. Without a check constraint, so that a new language needs no migration. */
  @Column('text', { nullable: true })
  locale!: string | null;

  /** A role of src/app.roles.ts. An unknown one has no permissions: an earlier release may have defined it. */
  @Column('text', { default: 'user' })
  role!: string;

  @Column('text', { default: 'active' })
  status!: UserStatus;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  emailVerifiedAt!: Date | null;

  /** The import that created the account. Distinguishes a repeated line from an older account. */
  @Column('uuid', { nullable: true })
  importedByJobId!: string | null;

  /** The file of the profile picture. */
  @Column('uuid', { nullable: true })
  avatarFileId!: string | null;

  /** By name, because the entity of a file imports this one. */
  @ManyToOne('File', { onDelete: 'SET NULL' })
  @JoinColumn({ name: 'avatar_file_id', foreignKeyConstraintName: 'users_avatar_file_id_fkey' })
  avatarFile?: File | null;

  /** Unread notifications. Updated by the statements that change notifications (docs/decisions/0012). */
  @Column('integer', { default: 0 })
  unreadCount!: number;

  /** Incremented by each change. The ETag of the resource. */
  @Column('integer', { default: 1 })
  version!: number;

  /** When the owner deleted the account. A job then removes the row. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  deletedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', precision: 3 })
  updatedAt!: Date;
}
