import { describe, expect, it } from '@jest/globals';
import { globSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { licenceFaults, secretFaults } from '../../scripts/audit.ts';

const root = new URL('../../', import.meta.url).pathname;
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

interface Step {
  uses?: string;
  run?: string;
  with?: Record<string, unknown>;
}
interface Job {
  permissions?: Record<string, string>;
  'timeout-minutes'?: number;
  uses?: string;
  steps?: Step[];
}
interface Workflow {
  on: object;
  permissions: object;
  concurrency: object;
  jobs: Record<string, Job>;
}

const paths = globSync('.github/workflows/*.yml', { cwd: root });

describe.each(paths)('%s', (path) => {
  const text = read(path);
  const workflow = parse(text) as Workflow;
  const jobs = Object.values(workflow.jobs);
  const steps = jobs.flatMap((job) => job.steps ?? []);

  it('pins each action to a commit, with its version in a comment', () => {
    const used = [...text.matchAll(/uses: (.+)$/gm)].map(([, value]) => String(value));

    expect(
      used.filter(
        (value) => !/^[\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d/.test(value) && !value.startsWith('./.github/'),
      ),
    ).toEqual([]);
  });

  it('gives jobs only the rights that they name, and a limit of time', () => {
    expect(workflow.permissions).toEqual({});
    expect(workflow.concurrency).toBeDefined();
    expect(jobs.filter(({ permissions }) => permissions === undefined)).toEqual([]);
    const withSteps = jobs.filter(({ uses }) => !uses);
    for (const job of withSteps) expect(job['timeout-minutes']).toBeLessThanOrEqual(95);
  });

  it('keeps the token out of the working tree, and text of others out of scripts', () => {
    const checkouts = steps.filter(({ uses }) => uses?.startsWith('actions/checkout@'));

    expect(checkouts.map((step) => step.with?.['persist-credentials'])).toEqual(checkouts.map(() => false));
    expect(steps.filter(({ run }) => run?.includes('${{'))).toEqual([]);
    expect(Object.keys(workflow.on)).not.toContain('pull_request_target');
  });
});

it('CI runs the steps of .ci/run', () => {
  const { jobs } = parse(read('.github/workflows/ci.yml')) as Workflow;

  expect(jobs['test']!.steps!.map(({ run }) => run)).toContain('.ci/run');
});

it('the image of a release has an SBOM and its provenance', () => {
  const { jobs } = parse(read('.github/workflows/release.yml')) as Workflow;
  const build = jobs['release']!.steps!.find(({ uses }) => uses?.startsWith('docker/build-push-action@'));

  expect(build?.with).toMatchObject({ push: true, sbom: true, provenance: 'mode=max' });
});

it('Renovate waits 14 days', () => {
  expect(JSON.parse(read('renovate.json'))).toMatchObject({ minimumReleaseAge: '14 days' });
});

describe('npm run audit', () => {
  it('accepts permissive licences of the packages of production, and names the others', () => {
    const faults = licenceFaults({
      '': {},
      'node_modules/good': { license: 'MIT' },
      'node_modules/choice': { license: '(GPL-2.0 OR MIT)' },
      'node_modules/both': { license: 'MIT AND GPL-3.0' },
      'node_modules/a/node_modules/unknown': {},
      'node_modules/tool': { license: 'GPL-3.0', dev: true },
    });

    expect(faults).toEqual(['both: licence MIT AND GPL-3.0', 'unknown: licence none']);
  });

  it.each([
    ['a private key', `-----BEGIN PRIVATE KEY-----\n${'A'.repeat(64)}\n`],
    ['an AWS access key', `AKIA${'B'.repeat(16)}`],
    ['a GitHub token', `ghp_${'c'.repeat(36)}`],
    ['a Stripe key', `sk_live_${'d'.repeat(24)}`],
  ])('finds %s', (kind, text) => {
    expect(secretFaults('src/x.ts', `const x = '${text}';`)).toEqual([`src/x.ts: contains ${kind}`]);
    expect(secretFaults('src/x.ts', `const x = 'placeholder';`)).toEqual([]);
  });
});
