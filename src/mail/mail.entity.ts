import { Column, CreateDateColumn, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn } from 'typeorm';
import { User } from '../users/user.entity.ts';
import type { MailTemplate } from './mail.templates.ts';

/** A message to be sent, or sent. Written in the transaction of its cause; never holds a secret. */
@Entity('mails')
@Index('mails_user_id_idx', ['userId', 'template', 'createdAt'])
@Index('mails_created_at_idx', ['createdAt'])
export class Mail {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'mails_user_id_fkey' })
  user?: User;

  @Column('text')
  template!: MailTemplate;

  /** Kept here, so that a notice about a changed address still reaches the old one. */
  @Column('text')
  recipient!: string;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  sentAt!: Date | null;
}
