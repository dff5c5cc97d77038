import { describe, expect, it } from '@jest/globals';
import type { Principal } from '../../platform/security/principal.ts';
import type { KeyRing } from '../keys/key-ring.ts';
import type { SessionRevocations } from './session-revocations.service.ts';
import { VerifiedTokens } from './verified-tokens.service.ts';

const TOKENS_MAX = 10_000;

const caller = (expiresInMs = 60_000): Principal =>
  ({
    userId: 'user',
    sessionId: 'session',
    authenticatedAt: new Date(),
    expiresAt: new Date(Date.now() + expiresInMs),
  }) as Principal;

function newTokens() {
  const revoked = new Set<string>();
  let reloadKeys = () => {};
  const keys = { onReload: (listener: () => void) => (reloadKeys = listener) };
  const tokens = new VerifiedTokens(revoked as unknown as SessionRevocations, keys as unknown as KeyRing);
  return { tokens, revoked, reloadKeys: () => reloadKeys() };
}

describe('a verified token', () => {
  it('returns the verified caller', () => {
    const { tokens } = newTokens();
    const verified = caller();

    tokens.add('Bearer one', verified);

    expect(tokens.find('Bearer one')).toBe(verified);
    expect(tokens.find('Bearer other')).toBeUndefined();
    expect(tokens.find(undefined)).toBeUndefined();
  });

  it('is forgotten when it has expired', () => {
    const { tokens } = newTokens();

    tokens.add('Bearer one', caller(-1));

    expect(tokens.find('Bearer one')).toBeUndefined();
  });

  it('is forgotten when its session is revoked', () => {
    const { tokens, revoked } = newTokens();
    tokens.add('Bearer one', caller());

    revoked.add('session');

    expect(tokens.find('Bearer one')).toBeUndefined();
  });

  it('is forgotten when the signing keys change, because its key may be gone', () => {
    const { tokens, reloadKeys } = newTokens();
    tokens.add('Bearer one', caller());

    reloadKeys();

    expect(tokens.find('Bearer one')).toBeUndefined();
  });

  it('can’t be changed by a request', () => {
    const { tokens } = newTokens();
    tokens.add('Bearer one', caller());

    expect(() => Object.assign(tokens.find('Bearer one')!, { userId: 'other' })).toThrow(TypeError);
  });

  it('is forgotten when there are too many newer ones', () => {
    const { tokens } = newTokens();
    for (let n = 0; n <= TOKENS_MAX; n += 1) tokens.add(`Bearer ${n}`, caller());

    expect(tokens.find('Bearer 0')).toBeUndefined();
    expect(tokens.find('Bearer 1')).toBeDefined();
    expect(tokens.find(`Bearer ${TOKENS_MAX}`)).toBeDefined();
  });
});
