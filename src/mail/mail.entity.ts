import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.ts';

/** A mail that was sent or is waiting to be sent. Stored in the transaction of its cause. */
@Entity('mails')
@Index('mails_user_id_idx', ['userId', 'template', 'createdAt'])
@Index('mails_created_at_idx', ['createdAt'])
@Index('mails_unsent_idx', ['createdAt'], { where: 'sent_at IS NULL' })
export class Mail {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'mails_user_id_fkey' })
  user?: User;

  /** Name of the template. */
  @Column('text')
  template!: string;

  /** The email when the mail was created: a notice about a changed email still reaches the old one. */
  @Column('text')
  recipient!: string;

  /** The data of the template as encrypted JSON: it may contain a token. Null once the mail is sent or can't be sent any more. */
  @Column('text', { nullable: true })
  encryptedData!: string | null;

  /** After this the mail isn't sent any more. Null: no limit. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  expiresAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  sentAt!: Date | null;
}

export const encryptedDataPlace = (mailId: string): string => `mails.encrypted_data ${mailId}`;
