import type { Job } from '../../../clients/typescript/src/index.ts';
import { button, element } from './elements.ts';
import { texts } from './language.ts';
import { api } from './providers.ts';

/** Undefined if the page does not know the state. */
const describe = (state: string): string | undefined =>
  (texts().jobStates as Partial<Record<string, string>>)[state];

/** Shows the progress of a job, and a link to download its result as `fileName`. */
export class JobPanel {
  #job: Job;
  readonly #fileName: string;
  readonly #bar = element('progress', { max: 100 });
  /** Screen readers announce its changes. */
  readonly #state = element('p', { role: 'status' });
  readonly #actions = element(
    'p',
    { className: 'actions' },
    button(texts().cancel, () => this.#cancel()),
  );
  readonly node = element(
    'div',
    {},
    element('label', {}, texts().progress, this.#bar),
    this.#state,
    this.#actions,
  );

  constructor(job: Job, fileName: string) {
    this.#job = job;
    this.#fileName = fileName;
    this.#show(job);
  }

  /** Resolves when the job has ended, or `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    for await (const { event, data } of api.watchJob(this.#job.id, { signal })) {
      if (signal.aborted) return;
      if (event === 'progress') this.#show(data);
      else this.#showEnd(data.reason);
    }
  }

  #showEnd(reason: string): void {
    const download = button(texts().download, () => this.#download());
    this.#actions.replaceChildren(...(reason === 'completed' ? [download] : []));
    if (reason !== this.#job.status) this.#say(describe(reason) ?? reason);
  }

  #show(job: Job): void {
    this.#job = job;
    this.#bar.value = job.progress;
    const counts = Object.entries(job.result ?? {}).map(([name, count]) => `${String(count)} ${name}`);
    this.#say(`${describe(job.status) ?? job.error?.message ?? job.status} ${counts.join(', ')}`.trim());
  }

  #say(text: string): void {
    // Announced once, not at every per cent.
    if (this.#state.textContent !== text) this.#state.textContent = text;
  }

  async #cancel(): Promise<void> {
    await api.post('/v1/jobs/{id}/cancel', { params: { path: { id: this.#job.id } } });
  }

  /** A link can't send the access token, so the file is fetched first and then passed to the browser. */
  async #download(): Promise<void> {
    const options = { params: { path: { id: this.#job.id } }, parseAs: 'blob' } as const;
    const href = URL.createObjectURL(await api.get('/v1/jobs/{id}/result', options));
    element('a', { href, download: this.#fileName }).click();
    URL.revokeObjectURL(href);
  }
}
