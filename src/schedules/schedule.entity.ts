import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The state of a schedule. It decides which run is next, so that each run starts one job for all workers. */
@Entity('schedules')
export class ScheduleState {
  @PrimaryColumn('text')
  name!: string;

  /** The definition of the newest release. Older workers that still run follow it too. */
  @Column('text')
  cron!: string;

  @Column('text')
  timezone!: string;

  /** Every run at or before this time has started, or was skipped. */
  @Column({ type: 'timestamptz', precision: 3 })
  handledUntil!: Date;

  /** When a worker last reported that it has this definition. */
  @Column({ type: 'timestamptz', precision: 3 })
  confirmedAt!: Date;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  pausedAt!: Date | null;

  /** The scheduled time of the last run, or when an administrator started it. */
  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  lastRunAt!: Date | null;

  /** Without a foreign key: the job is deleted earlier than the schedule. */
  @Column('uuid', { nullable: true })
  lastJobId!: string | null;
}
