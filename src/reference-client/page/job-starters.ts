import { button, element, type Field, form, section } from './elements.ts';
import { JobPanel } from './job-panel.ts';
import { api } from './providers.ts';

/** Starts the export of the user's data. */
export function exportPanel(signal: AbortSignal): HTMLElement {
  const place = jobPlace(signal);
  const start = button('Export my data', async () => {
    const { data: job } = await api.post('/v1/jobs', { body: { type: 'user-export' } });
    await place.show(new JobPanel(job, 'my-data.zip'));
  });
  const text = element('p', {}, 'A ZIP file with everything that is stored about you.');
  return section('Your data', text, start, place.node);
}

/** For administrators: imports users from a file, which is uploaded unchanged. */
export function importPanel(signal: AbortSignal): HTMLElement {
  const place = jobPlace(signal);
  const file: Field = {
    label: 'CSV file (email, displayName, role)',
    name: 'file',
    type: 'file',
    accept: '.csv',
  };
  const upload = form<{ file: File }>('Import users', [file], async (values) => {
    const job = await api.importUsers(values.file);
    await place.show(new JobPanel(job, 'import-report.csv'));
  });
  return element('div', { className: 'card' }, upload, place.node);
}

/** Shows one job at a time. A job that is replaced keeps running. */
function jobPlace(signal: AbortSignal): { node: HTMLElement; show(panel: JobPanel): Promise<void> } {
  const node = element('div');
  let current = new AbortController();
  async function show(panel: JobPanel): Promise<void> {
    current.abort();
    current = new AbortController();
    node.replaceChildren(panel.node);
    await panel.follow(AbortSignal.any([signal, current.signal]));
  }
  return { node, show };
}
