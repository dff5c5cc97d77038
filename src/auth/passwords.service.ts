import { Injectable } from '@nestjs/common';
import { hash, verify } from '@node-rs/argon2';
import { randomBytes } from 'node:crypto';

/** `Algorithm.Argon2id`, a const enum that no module can import. */
const ARGON2ID = 2;

/** OWASP Password Storage cheat sheet: argon2id, 19 MiB, t=2, p=1. Runs on libuv's pool, off the event loop. */
const OPTIONS = { algorithm: ARGON2ID, memoryCost: 19_456, timeCost: 2, parallelism: 1 };

@Injectable()
export class PasswordsService {
  /** What an unknown address is compared with, so that it takes as long as a wrong password. */
  private readonly decoy = this.hash(randomBytes(32).toString('base64'));

  hash(password: string): Promise<string> {
    return hash(password, OPTIONS);
  }

  /** False, after the same work, where there is no account or it has no password. */
  async matches(password: string, passwordHash: string | null | undefined): Promise<boolean> {
    const matches = await verify(passwordHash ?? (await this.decoy), password);
    return matches && Boolean(passwordHash);
  }
}
