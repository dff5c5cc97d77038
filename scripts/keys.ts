/**
 * The key ring of access tokens: npm run keys -- make | activate | retire | list
 *
 * To rotate: make, after five minutes activate, and retire when the tokens of the old key have expired. Running processes
 * reload the folder within seconds. JWT_KEYS_DIR sets the folder. Default: .local/keys.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { listKeyFiles, thumbprint } from '../src/auth/keys/key-files.ts';

const USAGE = `Usage: npm run keys -- <command> [--force]
  make      adds a key as "next": published, but not yet used
  activate  signs with the next key; the previous key becomes "retiring" and still verifies
  retire    removes the retiring keys, whose tokens have expired
  list      lists the keys
--force skips the waiting times. Use it when a key has leaked.`;

/** The Cache-Control lifetime of the JWKS. Verifiers may not know a newer key before it has passed. */
const PUBLISH_SECONDS = 300;
/** The lifetime of an access token (at least 15 minutes), plus a minute that exceeds the clock tolerance. */
const TOKEN_SECONDS = Math.max(900, Number(process.env.ACCESS_TOKEN_SECONDS) || 0) + 60;

const folder = process.env.JWT_KEYS_DIR || '.local/keys';
const isForced = process.argv.includes('--force');

const namesOf = (state: string): string[] =>
  listKeyFiles(folder).filter((name) => name.startsWith(`${state}-`));

/** Seconds since the key changed its state, which sets the modification time of the file. */
const ageOf = (name: string): number => (Date.now() - statSync(join(folder, name)).mtimeMs) / 1_000;

function make(): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const kid = thumbprint(createPublicKey(privateKey).export({ format: 'jwk' }));
  // The first key is active at once, because no client has cached the JWKS yet.
  const state = listKeyFiles(folder).length === 0 ? 'active' : 'next';
  const name = `${state}-${kid}.pem`;
  const draft = join(folder, `.${name}`);
  writeFileSync(draft, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  renameSync(draft, join(folder, name));
  console.log(`created ${name}`);
}

function activate(): void {
  const [next, another] = namesOf('next');
  if (!next) throw new Error('There is no next key. Create one: npm run keys -- make');
  if (another) throw new Error('There are several next keys. Remove all but one.');
  const wait = Math.ceil(PUBLISH_SECONDS - ageOf(next));
  if (wait > 0 && !isForced) throw new Error(`Verifiers may not know the key yet. Wait ${wait} s.`);
  // A process that reads the folder between these steps finds no active key and keeps its keys.
  for (const name of namesOf('active')) move(name, name.replace('active-', 'retiring-'));
  move(next, next.replace('next-', 'active-'));
}

function retire(): void {
  const names = namesOf('retiring');
  if (names.length === 0) throw new Error('There is no retiring key.');
  for (const name of names) {
    const wait = Math.ceil(TOKEN_SECONDS - ageOf(name));
    if (wait > 0 && !isForced)
      throw new Error(`Tokens signed with ${name} may still be valid. Wait ${wait} s.`);
    rmSync(join(folder, name));
    console.log(`removed ${name}`);
  }
}

function list(): void {
  for (const name of listKeyFiles(folder).toSorted()) {
    const key = createPrivateKey(readFileSync(join(folder, name), 'utf8'));
    const [state] = name.split('-');
    const kid = thumbprint(createPublicKey(key).export({ format: 'jwk' }));
    const bits = key.asymmetricKeyDetails?.modulusLength;
    console.log(`${state?.padEnd(8)}  ${kid}  ${bits} bit  for ${Math.floor(ageOf(name) / 60)} min`);
  }
}

function move(from: string, to: string): void {
  const now = new Date();
  utimesSync(join(folder, from), now, now);
  renameSync(join(folder, from), join(folder, to));
  console.log(`${from} → ${to}`);
}

const commands: Record<string, () => void> = { make, activate, retire, list };
const command = commands[process.argv[2] ?? ''];
if (!command) {
  console.error(USAGE);
  process.exit(1);
}
try {
  command();
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
