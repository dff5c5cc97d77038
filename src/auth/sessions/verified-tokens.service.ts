import { Injectable } from '@nestjs/common';
import { hash } from 'node:crypto';
import type { Principal } from '../../platform/security/principal.ts';
import { KeyRing } from '../keys/key-ring.ts';
import { SessionRevocations } from './session-revocations.service.ts';

/** Above this number, the token that was verified first is dropped. */
const TOKENS_MAX = 10_000;

/**
 * The callers of access tokens that this process has verified. A client sends the same token many times, and verifying
 * it takes a fifth of a simple request (docs/performance.md). Tokens are kept as hashes, not as text.
 */
@Injectable()
export class VerifiedTokens {
  private readonly callers = new Map<string, Principal>();

  constructor(
    private readonly revocations: SessionRevocations,
    keys: KeyRing,
  ) {
    keys.onReload(() => this.callers.clear());
  }

  /** The caller, if the token was verified before, has not expired and its session is not revoked. */
  find(authorization: string | undefined): Principal | undefined {
    const caller = authorization && this.callers.get(keyOf(authorization));
    if (!caller) return undefined;
    if (caller.expiresAt.getTime() > Date.now() && !this.revocations.has(caller.sessionId)) return caller;
    this.callers.delete(keyOf(authorization));
    return undefined;
  }

  /** Call it only with the caller that the strategy has returned for this header. */
  add(authorization: string, caller: Principal): void {
    const [oldest] = this.callers.size < TOKENS_MAX ? [] : this.callers.keys();
    if (oldest !== undefined) this.callers.delete(oldest);
    this.callers.set(keyOf(authorization), Object.freeze(caller));
  }
}

const keyOf = (authorization: string): string => hash('sha256', authorization, 'base64');
