import type { DevProcesses } from './dev-processes.ts';
import { SetupError } from './processes.ts';

const START_TIMEOUT_MS = 15_000;

/** Fake providers run unless they are switched off or real credentials are set. */
export function usesFakeProviders(env: NodeJS.ProcessEnv): boolean {
  const isOff = /^(false|off|no|n|0|disabled)$/i.test(env.FAKE_PROVIDERS ?? '');
  return !isOff && ![env.GOOGLE_CLIENT_ID, env.GITHUB_CLIENT_ID, env.APPLE_CLIENT_ID].some(Boolean);
}

/** Starts the fake providers, and returns the settings that make the API use them. */
export async function startFakeProviders(
  processes: DevProcesses,
  onExit: (how: string) => void,
): Promise<Record<string, string>> {
  const child = processes.start('signin', 'test/support/providers/main.ts', {}, onExit);
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new SetupError('bin/dev stops: the fake providers did not start.'));
    setTimeout(fail, START_TIMEOUT_MS).unref();
    child.once('exit', fail);
    child.once('message', (message) => resolve((message as { settings: Record<string, string> }).settings));
  });
}
