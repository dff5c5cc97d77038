import {
  ArgsType,
  Field,
  GraphQLISODateTime,
  ID,
  InputType,
  Int,
  ObjectType,
  registerEnumType,
} from '@nestjs/graphql';
import { connectionOf, PageArgs } from '../platform/graphql/connections.ts';
import { JsonScalar } from '../platform/graphql/scalars.ts';
import { type JobStatus, jobStatuses } from './job.entity.ts';

const JobStatusEnum = Object.fromEntries(jobStatuses.map((status) => [status, status]));
registerEnumType(JobStatusEnum, { name: 'JobStatus' });

@ObjectType()
class JobError {
  @Field(() => String)
  code!: string;

  @Field(() => String)
  message!: string;
}

@ObjectType('Job', { description: 'Work in the background.' })
export class JobObject {
  @Field(() => ID)
  id!: string;

  @Field(() => String)
  type!: string;

  @Field(() => JobStatusEnum)
  status!: JobStatus;

  @Field(() => Int, { description: 'From 0 to 100.' })
  progress!: number;

  @Field(() => Int)
  attempts!: number;

  @Field(() => JsonScalar, { nullable: true })
  result!: unknown;

  @Field(() => JobError, { nullable: true })
  error!: JobError | null;

  @Field(() => GraphQLISODateTime)
  createdAt!: Date;

  @Field(() => GraphQLISODateTime, { nullable: true })
  startedAt!: Date | null;

  @Field(() => GraphQLISODateTime, { nullable: true })
  finishedAt!: Date | null;
}

@ObjectType()
export class JobConnection extends connectionOf(JobObject, 'Job') {}

@ArgsType()
export class JobsArgs extends PageArgs {
  @Field(() => String, { nullable: true })
  type?: string | null;

  @Field(() => JobStatusEnum, { nullable: true })
  status?: JobStatus | null;
}

@InputType()
export class StartJobInput {
  @Field(() => String, { description: 'For example `user-export`.' })
  type!: string;

  @Field(() => JsonScalar, { nullable: true })
  input?: unknown;
}
