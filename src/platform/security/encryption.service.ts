import { Injectable } from '@nestjs/common';
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { Config } from '../config/config.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** Of the nonce (NIST SP 800-38D, section 8.2.2): random, which is safe for the few secrets that one key ever sees. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_CHARACTERS = 8;

/** Keeps secrets that we must be able to read again. The newest of SECRET_KEYS encrypts, any of them decrypts. */
@Injectable()
export class EncryptionService {
  /** By id, newest first. */
  private readonly keys: ReadonlyMap<string, Buffer>;

  constructor(config: Config) {
    this.keys = new Map(
      config.SECRET_KEYS.map((text) => Buffer.from(text, 'base64')).map((key) => [idOf(key), derived(key)]),
    );
  }

  /** What begins with it was encrypted with the newest key. */
  get newestKeyPrefix(): string {
    return `${[...this.keys.keys()][0]}.`;
  }

  /** The place, such as table, column and row, must be named again to decrypt: a text can't be moved elsewhere. */
  encrypt(place: string, secret: string): string {
    const [[keyId, key] = []] = this.keys;
    if (!keyId || !key) throw new Error('There is no secret key');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${keyId}.${sealed.toString('base64url')}`;
  }

  /** Throws where the key is gone, or the text was changed or comes from another place. */
  decrypt(place: string, text: string): string {
    const [keyId = '', sealed = ''] = text.split('.');
    const key = this.keys.get(keyId);
    if (!key) throw new Error(`No key of SECRET_KEYS has the id ${keyId}`);
    const bytes = Buffer.from(sealed, 'base64url');
    const decipher = createDecipheriv(ALGORITHM, key, bytes.subarray(0, NONCE_BYTES), {
      authTagLength: TAG_BYTES,
    });
    decipher.setAAD(Buffer.from(place)).setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([
      decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES)),
      decipher.final(),
    ]).toString();
  }
}

const idOf = (key: Buffer): string =>
  createHash('sha256').update(key).digest('hex').slice(0, KEY_ID_CHARACTERS);

/** The same settings key MACs, and one key must not serve two algorithms (NIST SP 800-57, part 1, section 5.2). */
const derived = (key: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', 'encryption at rest', KEY_BYTES));
