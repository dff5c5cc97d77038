import { Injectable } from '@nestjs/common';
import { createHmac, createSecretKey, type KeyObject, timingSafeEqual } from 'node:crypto';
import { Config } from '../config/config.ts';

/** Message authentication codes. Created with the newest of SECRET_KEYS, verified with all of them. */
@Injectable()
export class MacService {
  /** Parsed once: a HMAC with a Buffer as its key takes four times as long. */
  private readonly keys: KeyObject[];

  constructor(config: Config) {
    this.keys = config.SECRET_KEYS.map((key) => createSecretKey(key, 'base64'));
  }

  /** HMAC-SHA256 in base64url. A MAC is valid for one purpose only. */
  sign(purpose: string, data: string | Buffer): string {
    return this.mac(this.keys[0]!, purpose, data).toString('base64url');
  }

  /** Compares in constant time, if the MAC has the right length. */
  verify(purpose: string, data: string | Buffer, mac: string): boolean {
    const given = Buffer.from(mac, 'base64url');
    return this.keys.some((key) => {
      const expected = this.mac(key, purpose, data);
      return given.length === expected.length && timingSafeEqual(given, expected);
    });
  }

  private mac(key: KeyObject, purpose: string, data: string | Buffer): Buffer {
    // The length separates purpose and data, so that two pairs never have the same bytes.
    return createHmac('sha256', key).update(`${purpose.length}:${purpose}`).update(data).digest();
  }
}
