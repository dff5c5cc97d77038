import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { type Credentials, newCredentials, startProviders } from './providers.ts';

// Fake providers as a program, for development: bin/dev and compose run it.
//   FAKE_PROVIDERS_PORT  the first of three ports in a row (9501)
//   FAKE_PROVIDERS_HOST  the IP address to listen on (127.0.0.1)
//   FAKE_PROVIDERS_FILE  a .env file that keeps the settings for the application between starts
//   PUBLIC_URL           the URL of the application
// With --settings it only writes that file, for an application that must start first.

const { env } = process;

if (env.NODE_ENV === 'production') {
  console.error('The fake providers accept every sign-in, so they do not start when NODE_ENV is production.');
  process.exit(1);
}

const file = env.FAKE_PROVIDERS_FILE;
const firstPort = Number(env.FAKE_PROVIDERS_PORT || 9501);
const publicUrl = env.PUBLIC_URL || `http://localhost:${env.PORT || 3000}`;
const credentials =
  file && existsSync(file) ? (parseEnv(readFileSync(file, 'utf8')) as Credentials) : newCredentials();

const providers = await startProviders({
  ports: { google: firstPort, github: firstPort + 1, apple: firstPort + 2 },
  publicUrl: publicUrl.replace(/\/+$/, ''),
  credentials,
  ...(env.FAKE_PROVIDERS_HOST && { host: env.FAKE_PROVIDERS_HOST }),
});

const settings = Object.entries(providers.settings)
  .map(([name, value]) => `${name}="${value}"\n`)
  .join('');
if (file) writeFileSync(file, settings, { mode: 0o640 });

if (process.argv.includes('--settings')) {
  await providers.stop();
} else {
  const { google, github, apple } = providers;
  console.log(`Fake providers: Google ${google.issuer}, GitHub ${github.baseUrl}, Apple ${apple.issuer}`);
  // Send the settings to the parent process, so that no terminal shows them.
  if (process.send) process.send({ settings: providers.settings });
  else if (!file) console.log(settings);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void providers.stop().finally(() => process.exit(0)));
  }
}
