import {
  decodeJwt,
  decodeProtectedHeader,
  generateKeyPair,
  type CryptoKey,
  type JWTPayload,
  SignJWT,
  UnsecuredJWT,
} from 'jose';
import type { IdTokenMode, ProviderState } from './control.ts';

const HOUR_SECONDS = 3600;

export interface IdTokenSigner {
  key: CryptoKey;
  kid: string;
  clientSecret: string;
}

/** The id token of the provider, or a forged one if the state requires it. */
export async function tamper(
  idToken: string,
  state: ProviderState,
  signer: IdTokenSigner,
): Promise<string | undefined> {
  const mode = state.hostile as IdTokenMode;
  if (mode === 'no-id-token') return undefined;
  const claims = { ...decodeJwt(idToken), ...forgedClaims(mode, idToken), ...state.claims };
  const { alg = 'RS256' } = decodeProtectedHeader(idToken);
  switch (mode) {
    case 'unsigned':
      return new UnsecuredJWT(claims).encode();
    case 'hs256':
      return sign(claims, new TextEncoder().encode(signer.clientSecret.padEnd(32, '0')), { alg: 'HS256' });
    case 'unknown-key':
      return sign(claims, await strangersKey(), { alg, kid: `unknown-${Date.now()}` });
    case 'wrong-key':
      return sign(claims, await strangersKey(), { alg, kid: signer.kid });
    default:
      return sign(claims, signer.key, { alg, kid: signer.kid });
  }
}

function forgedClaims(mode: IdTokenMode, idToken: string): JWTPayload {
  const now = Math.floor(Date.now() / 1000);
  const forged: Partial<Record<IdTokenMode, JWTPayload>> = {
    'wrong-nonce': { nonce: 'the nonce of another attempt' },
    'no-nonce': { nonce: undefined },
    'wrong-issuer': { iss: 'http://127.0.0.1:1' },
    'wrong-audience': { aud: 'another-client' },
    'wrong-azp': { aud: [String(decodeJwt(idToken).aud), 'another-client'], azp: 'another-client' },
    expired: { iat: now - 2 * HOUR_SECONDS, exp: now - HOUR_SECONDS },
    'issued-in-future': { iat: now + HOUR_SECONDS, nbf: now + HOUR_SECONDS, exp: now + 2 * HOUR_SECONDS },
  };
  return forged[mode] ?? {};
}

const sign = (claims: JWTPayload, key: CryptoKey | Uint8Array, header: { alg: string; kid?: string }) =>
  new SignJWT(claims).setProtectedHeader(header).sign(key);

let foreignKey: Promise<{ privateKey: CryptoKey }> | undefined;

/** Generated once: otherwise forging many tokens takes longer than rejecting them. */
async function strangersKey(): Promise<CryptoKey> {
  foreignKey ??= generateKeyPair('RS256');
  return (await foreignKey).privateKey;
}
