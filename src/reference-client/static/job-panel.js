import { fetchSignedIn, request } from './api.js';
import { button, element } from './elements.js';
import { follow } from './follow.js';

const WORDS = {
  queued: 'Queued.',
  active: 'Running.',
  completed: 'Completed.',
  cancelled: 'Cancelled.',
  deleted: 'The job was deleted.',
  'too-many-streams': 'Live updates ended: too many open pages.',
};

/** Shows the progress of a job, and a link to download its result as `fileName`. */
export class JobPanel {
  #job;
  #fileName;
  #bar = element('progress', { max: 100 });
  /** Screen readers announce its changes. */
  #state = element('p', { role: 'status' });
  #cancel = button('Cancel', () => request('POST', `/v1/jobs/${this.#job.id}/cancel`));
  #actions = element('p', {}, this.#cancel);
  node = element('div', {}, element('label', {}, 'Progress ', this.#bar), this.#state, this.#actions);

  constructor(job, fileName) {
    this.#fileName = fileName;
    this.#show(job);
  }

  /** Resolves when the job has ended, or `signal` aborts. */
  async follow(signal) {
    const received = (_event, job) => this.#show(job);
    const reason = await follow(`/v1/jobs/${this.#job.id}/events`, { received }, signal);
    if (signal.aborted) return;
    this.#actions.replaceChildren(
      ...(reason === 'completed' ? [button('Download', () => this.#download())] : []),
    );
    if (reason !== this.#job.status) this.#say(WORDS[reason] ?? reason);
  }

  #show(job) {
    this.#job = job;
    this.#bar.value = job.progress;
    const counts = Object.entries(job.result ?? {}).map(([name, count]) => `${count} ${name}`);
    this.#say(`${WORDS[job.status] ?? job.error?.message} ${counts.join(', ')}`.trim());
  }

  #say(text) {
    // Announced once, not at every per cent.
    if (this.#state.textContent !== text) this.#state.textContent = text;
  }

  /** A link can't send the access token, so the file is fetched first and then passed to the browser. */
  async #download() {
    const response = await fetchSignedIn(`/v1/jobs/${this.#job.id}/result`);
    const href = URL.createObjectURL(await response.blob());
    element('a', { href, download: this.#fileName }).click();
    URL.revokeObjectURL(href);
  }
}
