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

export const jobStatuses = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** The state of a new job. A retry resets a job to it. */
export const INITIAL_JOB_STATE = {
  status: 'queued',
  progress: 0,
  slot: null,
  attempts: 0,
  stalls: 0,
  lease: null,
  dispatchedAt: null,
  cancelRequestedAt: null,
  errorCode: null,
  errorMessage: null,
  startedAt: null,
  finishedAt: null,
} as const;

/** One unit of background work. This table is the source of truth. The queue only wakes workers. */
@Entity('jobs')
@Check('jobs_status_check', `status IN ('queued', 'active', 'completed', 'failed', 'cancelled')`)
@Check('jobs_progress_check', `progress BETWEEN 0 AND 100`)
@Check('jobs_priority_check', `priority BETWEEN 0 AND 9`)
@Check('jobs_slot_check', `slot IN ('waiting', 'granted')`)
@Index('jobs_unique_key_key', ['type', 'uniqueKey'], {
  unique: true,
  where: `unique_key IS NOT NULL AND (status IN ('queued', 'active') OR unique_until IS NOT NULL)`,
})
@Index('jobs_unique_key_idx', ['type', 'uniqueKey', 'id'], { where: 'unique_key IS NOT NULL' })
@Index('jobs_slot_taken_idx', ['concurrencyKey'], {
  where: `concurrency_key IS NOT NULL AND (status = 'active' OR slot = 'granted')`,
})
@Index('jobs_slot_waiting_idx', ['concurrencyKey', 'priority', 'id'], { where: `slot = 'waiting'` })
@Index('jobs_user_id_idx', ['userId', 'createdAt', 'id'], { where: 'user_id IS NOT NULL' })
@Index('jobs_user_id_type_idx', ['userId', 'type', 'createdAt', 'id'], { where: 'user_id IS NOT NULL' })
@Index('jobs_user_id_status_idx', ['userId', 'status', 'createdAt', 'id'], { where: 'user_id IS NOT NULL' })
@Index('jobs_created_at_idx', ['createdAt', 'id'])
@Index('jobs_status_idx', ['status', 'createdAt', 'id'])
@Index('jobs_type_idx', ['type', 'createdAt', 'id'])
@Index('jobs_type_status_idx', ['type', 'status', 'createdAt', 'id'])
@Index('jobs_finished_at_idx', ['finishedAt'], { where: 'finished_at IS NOT NULL' })
@Index('jobs_undispatched_idx', ['availableAt'], { where: `status = 'queued' AND dispatched_at IS NULL` })
@Index('jobs_dispatched_idx', ['dispatchedAt'], { where: `status = 'queued'` })
@Index('jobs_active_idx', ['id'], { where: `status = 'active'` })
export class Job {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  type!: string;

  @Column('text', { default: 'queued' })
  status!: JobStatus;

  /** 0 runs first. Only jobs of one type are compared. */
  @Column('smallint', { default: 0 })
  priority!: number;

  /** While the job is unfinished, no other job of the type can have this key. */
  @Column('text', { nullable: true })
  uniqueKey!: string | null;

  /** The key stays taken until this time, even after the job has finished. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  uniqueUntil!: Date | null;

  /** At most `concurrencyPerKey` jobs with this key run at a time. */
  @Column('text', { nullable: true })
  concurrencyKey!: string | null;

  /** A queued job with a concurrency key waits for a slot, or has one and will be claimed soon. */
  @Column('text', { nullable: true })
  slot!: 'waiting' | 'granted' | null;

  /** The user who started the job and may watch it. Null for system jobs. */
  @Column('uuid', { nullable: true })
  userId!: string | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'jobs_user_id_fkey' })
  user?: User | null;

  @Column('jsonb')
  input!: unknown;

  @Column('uuid', { nullable: true })
  inputFileId!: string | null;

  @Column('jsonb', { nullable: true })
  result!: unknown;

  @Column('uuid', { nullable: true })
  resultFileId!: string | null;

  /** Progress that the handler commits together with its work. The next run continues from here. */
  @Column('jsonb', { nullable: true })
  checkpoint!: unknown;

  @Column('smallint', { default: 0 })
  progress!: number;

  /** Started runs, without those that stalled or were interrupted by a shutdown. */
  @Column('integer', { default: 0 })
  attempts!: number;

  /** Consecutive runs whose worker stopped responding. */
  @Column('integer', { default: 0 })
  stalls!: number;

  /** Only the run that holds the lease may write. A newer run replaces the lease of an older one. */
  @Column('uuid', { nullable: true })
  lease!: string | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  heartbeatAt!: Date | null;

  /** The job should not run before this time. */
  @Column({ type: 'timestamptz', precision: 3, default: () => 'now()' })
  availableAt!: Date;

  /** When the queue got the job, or will make it available. Null: the sweep dispatches it. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  dispatchedAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  cancelRequestedAt!: Date | null;

  @Column('text', { nullable: true })
  errorCode!: string | null;

  @Column('text', { nullable: true })
  errorMessage!: string | null;

  @Column('text')
  correlationId!: string;

  @Column('text', { nullable: true })
  traceparent!: string | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  startedAt!: Date | null;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  finishedAt!: Date | null;
}

/** A file that a job reads or creates. Its bytes are rows of `job_file_chunks`, read and written as streams. */
@Entity('job_files')
@Index('job_files_job_id_idx', ['jobId'])
@Index('job_files_unused_idx', ['createdAt'], { where: 'job_id IS NULL' })
export class JobFile {
  @PrimaryColumn('uuid')
  id!: string;

  /** The job that uses the file and is deleted with it. Null until there is one. */
  @Column('uuid', { nullable: true })
  jobId!: string | null;

  @ManyToOne(() => Job, { onDelete: 'CASCADE', nullable: true })
  @JoinColumn({ name: 'job_id', foreignKeyConstraintName: 'job_files_job_id_fkey' })
  job?: Job | null;

  @Column('text')
  name!: string;

  @Column('text')
  mediaType!: string;

  /** In bytes. */
  @Column('integer', { default: 0 })
  size!: number;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}
