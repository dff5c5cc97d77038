import type { DevProcesses } from './dev-processes.ts';
import { SetupError } from './processes.ts';

const START_PATIENCE_MS = 15_000;
const PORT_DEFAULT = 9501;

/** The ports of the fake providers for Google, GitHub and Apple; none where they are switched off or real credentials are set. */
export function fakeProviderPorts(env: NodeJS.ProcessEnv): number[] {
  const isOff = /^(false|off|no|n|0|disabled)$/i.test(env.FAKE_PROVIDERS ?? '');
  const hasCredentials = [env.GOOGLE_CLIENT_ID, env.GITHUB_CLIENT_ID, env.APPLE_CLIENT_ID].some(Boolean);
  if (isOff || hasCredentials || env.NODE_ENV === 'production') return [];
  const first = Number(env.FAKE_PROVIDERS_PORT || PORT_DEFAULT);
  return [first, first + 1, first + 2];
}

/** Starts them, and gives the settings that make the API use them. */
export async function startFakeProviders(
  processes: DevProcesses,
  onExit: (how: string) => void,
): Promise<Record<string, string>> {
  const child = processes.start('signin', 'test/support/providers/main.ts', {}, onExit);
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new SetupError('bin/dev stops: the fake providers do not start.'));
    setTimeout(fail, START_PATIENCE_MS).unref();
    child.once('exit', fail);
    child.once('message', (message) => resolve((message as { settings: Record<string, string> }).settings));
  });
}
