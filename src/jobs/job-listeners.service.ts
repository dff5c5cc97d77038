import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { MessageBus } from '../platform/bus/message-bus.ts';
import type { Job } from './job.entity.ts';

/** How a job ended, and for whom. */
export interface EndedJob extends Pick<Job, 'id' | 'type' | 'userId'> {
  status: 'completed' | 'failed' | 'cancelled';
  /** Of a failed one: words that its owner may see. */
  error?: { code: string; message: string };
}

type EndListener = (job: EndedJob, tx: EntityManager) => Promise<void>;

/** Where those who watch one job hear that it has changed. */
export const jobChannelOf = (id: string): string => `job:${id}`;

/** What other features do when a job ends, and who is told that one has changed. Jobs know none of them. */
@Injectable()
export class JobListeners {
  private readonly endListeners: EndListener[] = [];

  constructor(private readonly bus: MessageBus) {}

  /** Called by whoever ends a job, a run or a cancel, in the transaction that does: what the listener writes commits with it. */
  onEnded(listener: EndListener): void {
    this.endListeners.push(listener);
  }

  async emitOutcome(job: EndedJob, tx: EntityManager): Promise<void> {
    for (const listener of this.endListeners) await listener(job, tx);
  }

  /** After the change has committed. Nobody watches the system's own work closely enough to be told at once. */
  publishChange({ id, userId }: Pick<Job, 'id' | 'userId'>): void {
    if (userId) this.bus.publish(jobChannelOf(id));
  }
}
