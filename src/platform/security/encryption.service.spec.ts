import { describe, expect, it } from '@jest/globals';
import { Config } from '../config/config.ts';
import { EncryptionService } from './encryption.service.ts';

const key = (byte: number) => Buffer.alloc(32, byte).toString('base64');
const withKeys = (...keys: string[]) => new EncryptionService({ SECRET_KEYS: keys } as unknown as Config);

describe('encryption at rest', () => {
  it('decrypts to the same text and never encrypts it the same way twice', () => {
    const encryption = withKeys(key(1));
    const [one, two] = [encryption.encrypt('here', 'geheim ✓'), encryption.encrypt('here', 'geheim ✓')];

    expect(one).not.toBe(two);
    expect([one, two].map((text) => encryption.decrypt('here', text))).toEqual(['geheim ✓', 'geheim ✓']);
  });

  it('decrypts text of an older key while that key is configured', () => {
    const text = withKeys(key(1)).encrypt('here', 'secret');

    expect(withKeys(key(2), key(1)).decrypt('here', text)).toBe('secret');
    expect(() => withKeys(key(2)).decrypt('here', text)).toThrow('No key');
  });

  it('encrypts with the newest key', () => {
    const text = withKeys(key(2), key(1)).encrypt('here', 'secret');

    expect(withKeys(key(2)).decrypt('here', text)).toBe('secret');
  });

  it('rejects a text that was changed or encrypted for another purpose', () => {
    const encryption = withKeys(key(1));
    const text = encryption.encrypt('here', 'secret');
    const changed = `${text.slice(0, -2)}${text.endsWith('AA') ? 'BB' : 'AA'}`;

    expect(() => encryption.decrypt('there', text)).toThrow(/authenticat/);
    expect(() => encryption.decrypt('here', changed)).toThrow(/authenticat/);
    expect(() => encryption.decrypt('here', text.slice(0, 20))).toThrow(/authenticat/);
  });
});
