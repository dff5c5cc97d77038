import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PATH = process.env['CHROMIUM_PATH'] || '/usr/bin/chromium';

/** Starts without a profile and without network access beyond this machine. */
export async function startChromium(): Promise<Browser> {
  if (!existsSync(PATH))
    throw new Error(`There is no Chromium at ${PATH} (CHROMIUM_PATH). Install chromium.`);
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
