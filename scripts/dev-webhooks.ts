import { DEFAULT_PORT } from './demo/webhook-receiver.ts';
import { reservePorts } from './dev-ports.ts';

const NAME = 'WEBHOOK_RECEIVER_PORT';

/** bin/demo starts its webhook receiver on this port. The worker rejects private addresses unless they are allowed. */
export async function chooseReceiverPort(env: NodeJS.ProcessEnv): Promise<void> {
  const port = { name: NAME, value: '', fallback: DEFAULT_PORT, host: '127.0.0.1', count: 1 };
  // A receiver may already run on a port that is set.
  env[NAME] ||= String(await reservePorts(port));
  env['WEBHOOK_ALLOW_PRIVATE'] = [env['WEBHOOK_ALLOW_PRIVATE'], receiverOf(env)].filter(Boolean).join(',');
}

export const receiverOf = (env: NodeJS.ProcessEnv): string => `127.0.0.1:${env[NAME]}`;
