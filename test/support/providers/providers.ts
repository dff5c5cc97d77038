import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { type FakeApple, type SignAppleEvent, startApple } from './apple.ts';
import { Control, ProviderState } from './control.ts';
import { type FakeGithub, startGithub } from './github.ts';
import { type FakeGoogle, startGoogle } from './google.ts';
import type { ProviderName } from './person.ts';

export interface ProvidersOptions {
  /** Default: any free ports. */
  ports?: Record<ProviderName, number>;
  /** The IP address to listen on. Clients always use 127.0.0.1. */
  host?: string;
  /** PUBLIC_URL of the application: the start of the redirect URIs. */
  publicUrl?: string;
  /** Default: generated. */
  credentials?: Credentials;
}

/** The application's settings for the fake providers, by their names. */
export type Credentials = Record<
  | 'GOOGLE_CLIENT_ID'
  | 'GOOGLE_CLIENT_SECRET'
  | 'GITHUB_CLIENT_ID'
  | 'GITHUB_CLIENT_SECRET'
  | 'APPLE_CLIENT_ID'
  | 'APPLE_TEAM_ID'
  | 'APPLE_KEY_ID'
  | 'APPLE_PRIVATE_KEY',
  string
>;

export interface Providers {
  google: FakeGoogle;
  github: FakeGithub;
  apple: FakeApple;
  /** The environment variables that make the application use them. */
  settings: Record<string, string>;
  control: Control;
  signAppleEvent: SignAppleEvent;
  stop(): Promise<void>;
}

const ANY_PORT: Record<ProviderName, number> = { google: 0, github: 0, apple: 0 };

/** Fake providers, each on a separate port. */
export async function startProviders(options: ProvidersOptions = {}): Promise<Providers> {
  const { ports = ANY_PORT, host = '127.0.0.1', publicUrl = 'http://localhost:3000' } = options;
  const given = options.credentials ?? newCredentials();
  const redirectUri = (provider: ProviderName) => `${publicUrl}/v1/auth/oauth/${provider}/callback`;
  const states = {
    google: new ProviderState('google'),
    github: new ProviderState('github'),
    apple: new ProviderState('apple'),
  };
  const google = await startGoogle(
    states.google,
    { port: ports.google, host },
    {
      clientId: given.GOOGLE_CLIENT_ID,
      clientSecret: given.GOOGLE_CLIENT_SECRET,
      redirectUri: redirectUri('google'),
    },
  );
  const github = await startGithub(
    states.github,
    { port: ports.github, host },
    {
      clientId: given.GITHUB_CLIENT_ID,
      clientSecret: given.GITHUB_CLIENT_SECRET,
      redirectUri: redirectUri('github'),
    },
  );
  const appleClient = {
    clientId: given.APPLE_CLIENT_ID,
    teamId: given.APPLE_TEAM_ID,
    keyId: given.APPLE_KEY_ID,
  };
  const apple = await startApple(
    states.apple,
    { port: ports.apple, host },
    {
      ...appleClient,
      publicKeyPem: createPublicKey(given.APPLE_PRIVATE_KEY).export({
        type: 'spki',
        format: 'pem',
      }) as string,
      redirectUri: redirectUri('apple'),
    },
  );
  const servers = [google.server, github.server, apple.server];
  return {
    google: google.google,
    github: github.github,
    apple: { issuer: apple.issuer, ...appleClient, privateKeyPem: given.APPLE_PRIVATE_KEY },
    settings: {
      ...given,
      GOOGLE_ISSUER: google.google.issuer,
      GITHUB_BASE_URL: github.github.baseUrl,
      GITHUB_API_URL: github.github.apiUrl,
      APPLE_ISSUER: apple.issuer,
    },
    control: new Control(states),
    signAppleEvent: apple.signEvent,
    stop: async () => void (await Promise.all(servers.map((server) => server.stop()))),
  };
}

export function newCredentials(): Credentials {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    GOOGLE_CLIENT_ID: 'fake.apps.googleusercontent.com',
    GOOGLE_CLIENT_SECRET: randomBytes(24).toString('base64url'),
    GITHUB_CLIENT_ID: 'Iv1.fake',
    GITHUB_CLIENT_SECRET: randomBytes(20).toString('hex'),
    APPLE_CLIENT_ID: 'com.example.reference',
    APPLE_TEAM_ID: 'FAKETEAM12',
    APPLE_KEY_ID: 'FAKEKEY123',
    APPLE_PRIVATE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
  };
}
