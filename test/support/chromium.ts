import { describe } from '@jest/globals';
import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATH = process.env['CHROMIUM_PATH'] || '/usr/bin/chromium';

/** For what only a browser can show. Left out where there is none, which must not happen unnoticed in CI. */
export const describeInChromium = mayLeaveOut() ? describe.skip : describe;

function mayLeaveOut(): boolean {
  if (existsSync(PATH)) return false;
  if (process.env.CI === 'true')
    throw new Error(`There is no Chromium at ${PATH}: apt-get install chromium.`);
  console.warn(`There is no Chromium at ${PATH} (CHROMIUM_PATH), so the reference client is NOT tested.`);
  return true;
}

/** Without a profile, and without a word to the world outside. */
export function startChromium(): Promise<Browser> {
  return chromium.launch({
    executablePath: PATH,
    args: [
      // As root, in containers, it has no sandbox to run in.
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
