import { describe, expect, it } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { readGuide } from '../support/guide.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const root = new URL('../../', import.meta.url).pathname;

const alerts = read('docker/observability/alerts.yml');
const runbooks = globSync('docs/runbooks/*.md', { cwd: root }).filter((path) => !path.endsWith('README.md'));

describe('the alerts', () => {
  it('have a row in the list of runbooks, with their severity', () => {
    const declared = [...alerts.matchAll(/- alert: (\w+)[^]*?severity: (\w+)/g)].map(
      ([, name, severity]) => ({
        name,
        severity,
      }),
    );
    const listed = [...read('docs/runbooks/README.md').matchAll(/^\| (`\w+`[^|]*)\| (\w+)/gm)].flatMap(
      ([, names, severity]) => [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => ({ name, severity })),
    );

    expect(listed.toSorted(byName)).toEqual(declared.toSorted(byName));
  });

  it('name a runbook, and each runbook belongs to an alert', () => {
    const named = [...alerts.matchAll(/runbook: (\S+)/g)].map(([, path]) => String(path));

    expect([...new Set(named)].toSorted()).toEqual(runbooks.toSorted());
  });
});

it.each(runbooks)('%s says what the alert means, what to look at and what to do', (path) => {
  expect(read(path).match(/^## .+$/gm)).toEqual(['## Meaning', '## Look at', '## Do']);
});

it('alerts, dashboards and runbooks use only metrics that exist', () => {
  const documented = [...readGuide('monitor.md').matchAll(/^\| `(\w+)/gm)].map(([, name]) => String(name));
  const texts = [
    alerts,
    ...globSync('docker/observability/grafana/dashboards/*.json', { cwd: root }).map(read),
    ...runbooks.map(read),
  ];
  const used = texts
    .join('\n')
    .match(
      /\b(?:http_|job_|jobs_|webhook_|db_pool|db_replica|event_streams|password_h|dependency_u|migrations_p)\w+/g,
    )!;

  const base = (name: string) => name.replace(/_(?:bucket|count|sum)$/, '');
  expect(used.map(base).filter((name) => !documented.includes(name))).toEqual([]);
});

const byName = (a: { name?: string | undefined }, b: { name?: string | undefined }) =>
  String(a.name).localeCompare(String(b.name));
