import { button, element, section } from './elements.ts';
import { JobPanel } from './job-panel.ts';
import { jobPlace } from './job-place.ts';
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
