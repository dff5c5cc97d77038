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
import { JobFile } from './job-file.entity.ts';

export const jobStatuses = ['queued', 'active', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof jobStatuses)[number];

/** The state of a new job. A retry resets a job to it. */
export const INITIAL_JOB_STATE = {
  status: 'queued',
  progress: 0,
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

/** One unit of background work. This row is the record; the queue only decides when a worker looks at it. */
@Entity('jobs')
@Check('jobs_status_check', `status IN ('queued', 'active', 'completed', 'failed', 'cancelled')`)
@Check('jobs_progress_check', `progress BETWEEN 0 AND 100`)
@Index('jobs_user_id_idx', ['userId', 'createdAt', 'id'], { where: 'user_id IS NOT NULL' })
@Index('jobs_user_id_type_idx', ['userId', 'type', 'createdAt', 'id'], { where: 'user_id IS NOT NULL' })
@Index('jobs_user_id_status_idx', ['userId', 'status', 'createdAt', 'id'], { where: 'user_id IS NOT NULL' })
@Index('jobs_created_at_idx', ['createdAt', 'id'])
@Index('jobs_status_idx', ['status', 'createdAt', 'id'])
@Index('jobs_type_idx', ['type', 'createdAt', 'id'])
@Index('jobs_type_status_idx', ['type', 'status', 'createdAt', 'id'])
@Index('jobs_input_file_id_idx', ['inputFileId'])
@Index('jobs_result_file_id_idx', ['resultFileId'])
@Index('jobs_finished_at_idx', ['finishedAt'], { where: 'finished_at IS NOT NULL' })
@Index('jobs_unfinished_idx', ['availableAt'], { where: `status IN ('queued', 'active')` })
export class Job {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  type!: string;

  @Column('text', { default: 'queued' })
  status!: JobStatus;

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

  @ManyToOne(() => JobFile, { nullable: true })
  @JoinColumn({ name: 'input_file_id', foreignKeyConstraintName: 'jobs_input_file_id_fkey' })
  inputFile?: JobFile | null;

  @Column('jsonb', { nullable: true })
  result!: unknown;

  @Column('uuid', { nullable: true })
  resultFileId!: string | null;

  @ManyToOne(() => JobFile, { nullable: true })
  @JoinColumn({ name: 'result_file_id', foreignKeyConstraintName: 'jobs_result_file_id_fkey' })
  resultFile?: JobFile | null;

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
