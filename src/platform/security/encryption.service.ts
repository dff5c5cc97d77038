import { Injectable } from '@nestjs/common';
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { Config } from '../config/config.ts';

const ALGORITHM = 'aes-256-gcm';
const KEY_BYTES = 32;
/** Length of the nonce. Random nonces are safe for the few secrets that one key encrypts (NIST SP 800-38D, 8.2.2). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_ID_CHARACTERS = 8;

/** Encrypts secrets for storage. The newest of SECRET_KEYS encrypts, all of them decrypt. */
@Injectable()
export class EncryptionService {
  /** Keys by id, newest first. */
  private readonly keys: ReadonlyMap<string, Buffer>;

  constructor(config: Config) {
    this.keys = new Map(
      config.SECRET_KEYS.map((text) => Buffer.from(text, 'base64')).map((key) => [
        keyIdOf(key),
        deriveKey(key),
      ]),
    );
  }

  /** Texts with this prefix are encrypted with the newest key. */
  get newestKeyPrefix(): string {
    return `${[...this.keys.keys()][0]}.`;
  }

  /** `place` names the table, column and row. Decryption needs the same place, so a text can't be copied to another row. */
  encrypt(place: string, secret: string): string {
    const [[keyId, key] = []] = this.keys;
    if (!keyId || !key) throw new Error('There is no secret key');
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([nonce, cipher.update(secret, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return `${keyId}.${sealed.toString('base64url')}`;
  }

  /** Throws if the key was removed, or if the text was changed or comes from another place. */
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

const keyIdOf = (key: Buffer): string =>
  createHash('sha256').update(key).digest('hex').slice(0, KEY_ID_CHARACTERS);

/** SECRET_KEYS are also used for MACs, and a key must have one use only (NIST SP 800-57 part 1, section 5.2). */
const deriveKey = (key: Buffer): Buffer =>
  Buffer.from(hkdfSync('sha256', key, '', 'encryption at rest', KEY_BYTES));
