/**
 * The key ring of access tokens: npm run keys -- make | activate | retire | list
 *
 * A rotation is make, then after five minutes activate, then after the life of a token retire. Running processes read
 * the folder again within seconds. JWT_KEYS_DIR names it; .local/keys unless set.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { keyFiles, thumbprint } from '../src/auth/keys/key-files.ts';

const USAGE = `Usage: npm run keys -- <command> [--force]
  make      adds a key as "next": published, but not yet used
  activate  lets the next key sign; the one before goes on verifying as "retiring"
  retire    removes the retiring keys, whose tokens have expired
  list      shows the ring
--force skips the waiting times: for an emergency, when a key has leaked.`;

/** Others may keep the JWKS for this long (its Cache-Control), and would not know a key that is used earlier. */
const PUBLISH_SECONDS = 300;
/** The longest life of an access token that the settings allow, and the clock tolerance. */
const TOKEN_SECONDS = 900 + 60;

const folder = process.env.JWT_KEYS_DIR || '.local/keys';
const isForced = process.argv.includes('--force');

const namesOf = (state: string): string[] => keyFiles(folder).filter((name) => name.startsWith(`${state}-`));

/** Seconds since the key came into its state: a change of state touches the file. */
const ageOf = (name: string): number => (Date.now() - statSync(join(folder, name)).mtimeMs) / 1_000;

function make(): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 });
  const kid = thumbprint(createPublicKey(privateKey).export({ format: 'jwk' }));
  // No client has cached the keys yet when the first key is created.
  const state = keyFiles(folder).length === 0 ? 'active' : 'next';
  const name = `${state}-${kid}.pem`;
  const draft = join(folder, `.${name}`);
  writeFileSync(draft, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  renameSync(draft, join(folder, name));
  console.log(`made ${name}`);
}

function activate(): void {
  const [next, another] = namesOf('next');
  if (!next) throw new Error('There is no next key: make one first.');
  if (another) throw new Error('There are several next keys: remove all but one.');
  const wait = Math.ceil(PUBLISH_SECONDS - ageOf(next));
  if (wait > 0 && !isForced)
    throw new Error(`Published too recently: others may not know it yet. Wait ${wait} s.`);
  // Processes that look in between find no active key, and keep the ring they have.
  for (const name of namesOf('active')) move(name, name.replace('active-', 'retiring-'));
  move(next, next.replace('next-', 'active-'));
}

function retire(): void {
  const names = namesOf('retiring');
  if (names.length === 0) throw new Error('There is no retiring key.');
  for (const name of names) {
    const wait = Math.ceil(TOKEN_SECONDS - ageOf(name));
    if (wait > 0 && !isForced) throw new Error(`Tokens signed with ${name} may still live. Wait ${wait} s.`);
    rmSync(join(folder, name));
    console.log(`removed ${name}`);
  }
}

function list(): void {
  for (const name of keyFiles(folder).toSorted()) {
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
