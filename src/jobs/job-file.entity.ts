import { Column, CreateDateColumn, Entity, Index, PrimaryColumn } from 'typeorm';

/** What a job reads or has made. Its bytes are rows of `job_file_chunks`, read and written as streams. */
@Entity('job_files')
@Index('job_files_created_at_idx', ['createdAt'])
export class JobFile {
  @PrimaryColumn('uuid')
  id!: string;

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
