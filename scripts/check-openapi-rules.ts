/** Fails on every error or warning of Spectral (`spectral:oas`) and Redocly (recommended) about openapi.json. */
import { createConfig, lint as lintWithRedocly } from '@redocly/openapi-core';
import spectralCore from '@stoplight/spectral-core';
import spectralParsers from '@stoplight/spectral-parsers';
import spectralRulesets from '@stoplight/spectral-rulesets';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const FILE = join(import.meta.dirname, '..', 'openapi.json');

interface Finding {
  rule: string;
  /** Where in the document, for example `paths./v1/jobs.get`. */
  path: string;
  message: string;
}

/** Findings that stay, each with its reason. One that no longer occurs must be removed. */
const EXCEPTIONS: { rule: string; path: RegExp; reason: string }[] = [
  {
    rule: 'redocly:operation-2xx-response',
    path: /^paths\.\/v1\/(auth\/oauth\/\{provider\}(\/callback)?|users\/avatars\/\{id\})\.(get|post)\.responses$/,
    reason: 'The success of these routes is a redirect of the browser (302).',
  },
];

async function spectral(): Promise<Finding[]> {
  const linter = new spectralCore.Spectral();
  linter.setRuleset({ extends: [[spectralRulesets.oas as never, 'recommended']], rules: {} });
  const document = new spectralCore.Document(readFileSync(FILE, 'utf8'), spectralParsers.Json, FILE);
  const results = await linter.run(document);
  return results.map(({ code, path, message }) => ({
    rule: `spectral:${code}`,
    path: path.join('.'),
    message,
  }));
}

async function redocly(): Promise<Finding[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintWithRedocly({ ref: FILE, config });
  return problems.map(({ ruleId, location, message }) => ({
    rule: `redocly:${ruleId}`,
    path: dotted(location[0]?.pointer ?? ''),
    message,
  }));
}

/** `#/paths/~1v1~1jobs/get` becomes `paths./v1/jobs.get`. */
const dotted = (pointer: string): string =>
  pointer
    .replace(/^#\//, '')
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .join('.');

const findings = [...(await spectral()), ...(await redocly())];
const matches = (finding: Finding, exception: (typeof EXCEPTIONS)[number]): boolean =>
  finding.rule === exception.rule && exception.path.test(finding.path);
const faults = [
  ...findings
    .filter((finding) => !EXCEPTIONS.some((exception) => matches(finding, exception)))
    .map(({ rule, path, message }) => `${path}: ${message} (${rule})`),
  ...EXCEPTIONS.filter((exception) => !findings.some((finding) => matches(finding, exception))).map(
    ({ rule, path }) => `The exception for ${rule} at ${path} is no longer needed: remove it.`,
  ),
];

if (faults.length > 0) {
  console.error(`${faults.join('\n')}\nCorrect the schemas and @Endpoint in src/, then run npm run openapi.`);
  process.exitCode = 1;
}
