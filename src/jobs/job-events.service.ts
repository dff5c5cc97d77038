import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { MessageBus } from '../platform/bus/message-bus.ts';
import { NotFoundError } from '../platform/errors/platform.errors.ts';
import type { EventStream } from '../platform/http/event-stream.ts';
import { EventStreams } from '../platform/http/event-streams.service.ts';
import type { Principal } from '../platform/security/principal.ts';
import { jobChannelOf } from './job-changes.service.ts';
import type { Job } from './job.entity.ts';
import { jobSchema, jobView } from './jobs.schemas.ts';
import { JobsService } from './jobs.service.ts';

const POLL_MS = 3_000;

/** Streams the changes of one job until it ends. Changes in quick succession may be sent as one. */
@Injectable()
export class JobEventsService {
  constructor(
    private readonly jobs: JobsService,
    private readonly streams: EventStreams,
    private readonly bus: MessageBus,
  ) {}

  async open(id: string, caller: Principal, reply: FastifyReply): Promise<EventStream> {
    // Rejects before the stream starts if the caller may not see the job.
    await this.jobs.get(id, caller);
    const stream = this.streams.open('job', caller, reply);
    let lastSent = '';
    stream.follow({
      pollMs: POLL_MS,
      subscribe: (wake) => this.bus.subscribe(jobChannelOf(id), wake),
      poll: async () => {
        const job = await this.jobs.get(id, caller).catch(nullIfDeleted);
        if (!job) return stream.close('deleted');
        const data = jobSchema.parse(jobView(job));
        const state = JSON.stringify(data);
        if (state !== lastSent) await stream.send({ event: 'progress', data });
        lastSent = state;
        if (hasEnded(job)) stream.close(job.status);
      },
    });
    return stream;
  }
}

const hasEnded = ({ status }: Job): boolean => status !== 'queued' && status !== 'active';

function nullIfDeleted(error: unknown): null {
  if (error instanceof NotFoundError) return null;
  throw error;
}
