import { element, type Field, form } from './elements.ts';
import { JobPanel } from './job-panel.ts';
import { jobPlace } from './job-place.ts';
import { texts } from './language.ts';
import { api } from './providers.ts';

/** With the permission `users:import`: imports users from a file, which is uploaded unchanged. */
export function importPanel(signal: AbortSignal): HTMLElement {
  const place = jobPlace(signal);
  const file: Field = {
    label: texts().csvFile,
    name: 'file',
    type: 'file',
    accept: '.csv',
  };
  const upload = form<{ file: File }>(texts().importUsers, [file], async (values) => {
    const job = await api.importUsers(values.file);
    await place.show(new JobPanel(job, 'import-report.csv'));
  });
  return element('div', { className: 'card' }, upload, place.node);
}
