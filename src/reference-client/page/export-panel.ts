import { button, element, section } from './elements.ts';
import { JobPanel } from './job-panel.ts';
import { jobPlace } from './job-place.ts';
import { texts } from './language.ts';
import { api } from './providers.ts';

/** Starts the export of the user's data. */
export function exportPanel(signal: AbortSignal): HTMLElement {
  const place = jobPlace(signal);
  const start = button(texts().exportData, async () => {
    const { data: job } = await api.post('/v1/jobs', { body: { type: 'user-export' } });
    await place.show(new JobPanel(job, 'my-data.zip'));
  });
  const text = element('p', {}, texts().exportContent);
  return section(texts().yourData, text, start, place.node);
}
