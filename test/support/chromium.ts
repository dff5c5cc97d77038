import { describe } from '@jest/globals';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATH = process.env['CHROMIUM_PATH'] || '/usr/bin/chromium';

/** For tests that need a browser. Skipped without Chromium, except in CI, where that is an error. */
export const describeInChromium = mayLeaveOut() ? describe.skip : describe;

function mayLeaveOut(): boolean {
  if (existsSync(PATH)) return false;
  if (process.env.CI === 'true')
    throw new Error(`There is no Chromium at ${PATH}. Run: apt-get install chromium`);
  console.warn(`There is no Chromium at ${PATH} (CHROMIUM_PATH), so the reference client is NOT tested.`);
  return true;
}

/** Starts without a profile and without network access beyond this machine. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: PATH,
    args: [
      // Chromium has no sandbox when it runs as root in a container.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
