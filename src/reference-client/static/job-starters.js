import { fetchSignedIn, request } from './api.js';
import { button, element, form } from './elements.js';
import { JobPanel } from './job-panel.js';

/** A person's own data, as a file that a job makes. */
export function exportPanel(signal) {
  const place = jobPlace(signal);
  const start = button('Export my data', async () => {
    const job = await request('POST', '/v1/jobs', { type: 'user-export' });
    await place.show(new JobPanel(job, 'my-data.zip'));
  });
  return element('section', {}, element('h2', {}, 'Your data'), start, place.node);
}

/** For administrators: accounts from a file, which is sent as it is. */
export function importPanel(signal) {
  const place = jobPlace(signal);
  const file = { label: 'CSV file (email, displayName, role)', name: 'file', type: 'file', accept: '.csv' };
  const upload = form('Import users', [file], async ({ file: body }) => {
    const options = { method: 'POST', headers: { 'content-type': 'text/csv' }, body };
    const response = await fetchSignedIn('/v1/users/imports', options);
    const { data: job } = await response.json();
    await place.show(new JobPanel(job, 'import-report.csv'));
  });
  return element('section', {}, upload, place.node);
}

/** Room for one job at a time. One that gives way to another goes on unseen. */
function jobPlace(signal) {
  const node = element('div');
  let current = new AbortController();
  async function show(panel) {
    current.abort();
    current = new AbortController();
    node.replaceChildren(panel.node);
    await panel.follow(AbortSignal.any([signal, current.signal]));
  }
  return { node, show };
}
