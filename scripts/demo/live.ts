import { strFromU8, unzipSync } from 'fflate';
import { type ApiClient, expectEqual } from './client.ts';
import { EventStream } from './events.ts';
import { Failure, type Progress } from './terminal.ts';

export interface Job {
  id: string;
  progress: number;
}

interface Notification {
  title: string;
  data: { jobId?: string };
  createdAt: string;
}

const startExport = (api: ApiClient, idempotencyKey: string) =>
  api.call<Job>('POST /v1/jobs', 202, { json: { type: 'user-export' }, idempotencyKey });

/** Starts the export of the user's data and waits for its end. */
export async function exportData(api: ApiClient, idempotencyKey: string, on: Progress): Promise<Job> {
  const { data: job } = await startExport(api, idempotencyKey);
  const stream = await EventStream.open(api, `/v1/jobs/${job.id}/events`);
  const end = await stream.find(
    ({ event }) => event === 'end',
    ({ data }) => on.bar((data as Job).progress, 100),
  );
  stream.close();
  expectEqual('the job to end', (end.data as { reason: string }).reason, 'completed');
  on.note(`/v1/jobs/${job.id}`);
  return job;
}

/** Sends the request again, like a client that got no response. */
export async function repeatExport(
  api: ApiClient,
  idempotencyKey: string,
  job: Job,
  on: Progress,
): Promise<void> {
  const { data, headers } = await startExport(api, idempotencyKey);
  expectEqual('the job of the repeated request', data.id, job.id);
  expectEqual('Idempotency-Replayed', headers.get('idempotency-replayed'), 'true');
  const { data: jobs } = await api.call<Job[]>('GET /v1/jobs?type=user-export', 200);
  expectEqual('the number of exports', String(jobs.length), '1');
  on.note('the stored response, and still one job');
}

export async function receiveNotification(stream: EventStream, job: Job, on: Progress): Promise<void> {
  const { data, at } = await stream.find(
    ({ event, data: content }) => event === 'notification' && (content as Notification).data.jobId === job.id,
  );
  stream.close();
  const { title, createdAt } = data as Notification;
  // Compares the clock of the server with the clock of this machine.
  on.note(`“${title}”, ${at - Date.parse(createdAt)} ms after its creation`);
}

/** Downloads the ZIP of the job and checks that it contains the email of the user. */
export async function downloadExport(api: ApiClient, job: Job, email: string, on: Progress): Promise<void> {
  const { bytes, headers } = await api.call(`GET /v1/jobs/${job.id}/result`, 200);
  expectEqual('the media type', headers.get('content-type'), 'application/zip');
  const files = unzipSync(bytes);
  const profile = strFromU8(files['profile.json'] ?? new Uint8Array());
  if (!profile.includes(email)) throw new Failure(`${email} in profile.json`, profile || 'no such file');
  on.note(`${Object.keys(files).length} files, ${Math.ceil(bytes.length / 1024)} KiB`);
}
