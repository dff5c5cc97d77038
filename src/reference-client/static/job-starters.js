import { fetchSignedIn, request } from './api.js';
import { button, element, form } from './elements.js';
import { JobPanel } from './job-panel.js';

/** Starts the export of the user's data. */
export function exportPanel(signal) {
  const place = jobPlace(signal);
  const start = button('Export my data', async () => {
    const job = await request('POST', '/v1/jobs', { type: 'user-export' });
    await place.show(new JobPanel(job, 'my-data.zip'));
  });
  return element('section', {}, element('h2', {}, 'Your data'), start, place.node);
}

/** For administrators: imports users from a file, which is uploaded unchanged. */
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

/** Shows one job at a time. A job that is replaced keeps running. */
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
