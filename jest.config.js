import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

const swc = JSON.parse(readFileSync(new URL('.swcrc', import.meta.url), 'utf8'));
// Jest runs the sources where they are, so imports must go on naming the .ts files.
delete swc.jsc.rewriteRelativeImportExtensions;
delete swc.$schema;

const runsFaults = process.env.TEST_FAULTS === '1';
const topology = process.env.TEST_TOPOLOGY;
const topologyTests = topology ? [`<rootDir>/test/topologies/${topology}*.spec.ts`] : [];

export default {
  testMatch: runsFaults
    ? ['<rootDir>/test/faults/**/*.spec.ts']
    : ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/{e2e,contract}/**/*.spec.ts', ...topologyTests],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': ['@swc/jest', { ...swc, sourceMaps: 'inline', swcrc: false }] },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.local/'],
  setupFiles: ['<rootDir>/test/support/jest-setup.ts'],
  globalSetup: '<rootDir>/test/support/global-setup.ts',
  globalTeardown: '<rootDir>/test/support/global-teardown.ts',
  reporters: ['default', '<rootDir>/test/support/summary-reporter.ts'],
  testTimeout: 30_000,
  testSequencer: '<rootDir>/test/support/slow-first-sequencer.js',
  // The tests wait for the database more than they compute.
  maxWorkers: Math.max(2, availableParallelism() - 1),
  // Each file loads its own copy of every module, and not all of that memory comes back.
  workerIdleMemoryLimit: '700MB',
  coverageProvider: 'v8',
  collectCoverageFrom: ['src/**/*.ts', '!src/**/*.spec.ts'],
  coverageReporters: ['text', 'lcovonly'],
  coverageThreshold: { global: { lines: 90 } },
};
