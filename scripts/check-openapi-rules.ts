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

type Json = Record<string, unknown>;
const document = JSON.parse(readFileSync(FILE, 'utf8')) as Json;

async function spectral(): Promise<Finding[]> {
  const linter = new spectralCore.Spectral();
  linter.setRuleset({ extends: [[spectralRulesets.oas as never, 'recommended']], rules: {} });
  const source = new spectralCore.Document(readFileSync(FILE, 'utf8'), spectralParsers.Json, FILE);
  const results = await linter.run(source);
  return results.map(({ code, path, message }) => ({
    rule: `spectral:${code}`,
    path: path.join('.'),
    message,
  }));
}

async function redocly(): Promise<Finding[]> {
  const config = await createConfig({ extends: ['recommended'] });
  const problems = await lintWithRedocly({ ref: FILE, config });
  return problems
    .map(({ ruleId, location, message }) => ({ ruleId, message, keys: keysOf(location[0]?.pointer ?? '') }))
    .filter(({ ruleId, keys }) => ruleId !== 'operation-2xx-response' || !isRedirect(keys))
    .map(({ ruleId, message, keys }) => ({ rule: `redocly:${ruleId}`, path: keys.join('.'), message }));
}

/** The keys of a JSON pointer: `#/paths/~1v1~1jobs/get`. */
const keysOf = (pointer: string): string[] =>
  pointer
    .replace(/^#\//, '')
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));

/** The success of a route can be a redirect, for example to a file in the storage: `status: 302` of its @Endpoint. */
function isRedirect(keys: string[]): boolean {
  const responses = keys.reduce<unknown>((node, key) => (node as Json)[key], document) as Json;
  return '302' in responses;
}

const findings = [...(await spectral()), ...(await redocly())];
const faults = findings.map(({ rule, path, message }) => `${path}: ${message} (${rule})`);

if (faults.length > 0) {
  console.error(`${faults.join('\n')}\nCorrect the schemas and @Endpoint in src/, then run npm run openapi.`);
  process.exitCode = 1;
}
