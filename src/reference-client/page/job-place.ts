import { element } from './elements.ts';
import type { JobPanel } from './job-panel.ts';

/** Shows one job at a time. A job that is replaced keeps running. */
export function jobPlace(signal: AbortSignal): { node: HTMLElement; show(panel: JobPanel): Promise<void> } {
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
