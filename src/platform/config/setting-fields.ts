import ipaddr from 'ipaddr.js';
import { accessSync, constants } from 'node:fs';
import addressparser from 'nodemailer/lib/addressparser';
import { z } from 'zod';

/** An empty setting counts as a missing one. */
export const optional = <T extends z.ZodType>(schema: T) =>
  z.preprocess((value) => (value === '' ? undefined : value), schema.optional());

export const withDefault = <T extends z.ZodType>(
  schema: T,
  value: z.output<T> & (string | number | boolean),
) => z.preprocess((given) => (given === '' || given === undefined ? String(value) : given), schema);

export const whole = (min: number, max: number) => z.coerce.number().int().min(min).max(max);
export const flag = z.stringbool();
export const httpUrl = z
  .url({ protocol: /^https?$/, abort: true, error: 'must be an http or https URL' })
  .refine(hasNoExtras, 'must not contain a user name, password, query or fragment')
  .transform((url) => url.replace(/\/+$/, ''));
/** Without a path, because links are built from the root. */
export const originUrl = httpUrl.refine(
  (url) => new URL(url).pathname === '/',
  'must not contain a path: serve the API at the root of a host',
);
export const postgresUrl = z
  .string()
  .refine((text) => URL.canParse(text), {
    error:
      'must be postgres://user:password@host:5432/database. Write a host, even with a host parameter, and percent-encode / # ? @ : in the user name and password.',
    abort: true,
  })
  .refine((text) => /^postgres(ql)?:$/.test(new URL(text).protocol), {
    error: 'must begin with postgres:// or postgresql://',
    abort: true,
  })
  .refine(hasKnownSslMode, 'sslmode must be disable, require, verify-ca or verify-full')
  .refine(hasItsCa, 'sslmode=verify-ca needs sslrootcert, the file of the CA')
  .refine(canReadCertificates, 'a file in sslrootcert, sslcert or sslkey cannot be read')
  .transform(withLibpqMeaning);
export const list = z.string().transform((text) =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean),
);
export const origins = list.pipe(
  z.array(
    z
      .url({ protocol: /^https?$/, abort: true })
      .refine((url) => new URL(url).origin === url, 'must be an origin: scheme://host[:port]'),
  ),
);

/** Names of headers (RFC 9110, section 5.1), limited to safe characters. */
export const headerNames = list.pipe(
  z.array(
    z
      .string()
      .regex(/^[a-z0-9-]+$/i, 'must be header names, separated by commas')
      .toLowerCase(),
  ),
);

/** Names of authentication schemes (RFC 9110, section 11.1). */
export const authSchemes = list.pipe(
  z.array(
    z
      .string()
      .regex(/^[a-z][a-z0-9-]*$/i, 'must be names of schemes, separated by commas')
      .refine(
        (name) => !/^(bearer|basic)$/i.test(name),
        'must not contain Bearer, which is always accepted, or Basic',
      ),
  ),
);

/** Values of `Contact` in RFC 9116, section 2.5.3. Each is one line, so it has no spaces or control characters. */
export const contacts = list.pipe(
  z
    .array(
      z
        .string()
        .regex(
          /^(https:\/\/[!-~]+|mailto:[!-~]+@[!-~]+)$/,
          'must be mailto: or https: URLs, separated by commas',
        ),
    )
    .min(1, 'must contain a URL'),
);

/** One sender. Checked at the start, because an invalid one would fail only when an email is sent. */
export const mailbox = z.string().refine((text) => {
  const [sender, ...others] = addressparser(text);
  return sender && others.length === 0 && /^[^\s<>"@,;]+@[^\s<>"@,;]+$/.test(sender.address ?? '');
}, 'must be an email or Name <name@example.com>, without quotes around the whole');

export const isLoopback = (url: string): boolean =>
  URL.canParse(url) && ['localhost', '127.0.0.1', '[::1]'].includes(new URL(url).hostname);

/** An IP address or a CIDR range, but not one that contains every address. */
export function isProxyRange(text: string): boolean {
  if (!text.includes('/')) return ipaddr.isValid(text);
  return ipaddr.isValidCIDR(text) && !/\/0+$/.test(text);
}

function hasNoExtras(text: string): boolean {
  const { username, password, search, hash } = new URL(text);
  return !(username || password || search || hash);
}

function hasKnownSslMode(text: string): boolean {
  const mode = new URL(text).searchParams.get('sslmode');
  return mode === null || ['disable', 'require', 'verify-ca', 'verify-full'].includes(mode);
}

function hasItsCa(text: string): boolean {
  const { searchParams } = new URL(text);
  return searchParams.get('sslmode') !== 'verify-ca' || searchParams.has('sslrootcert');
}

function canReadCertificates(text: string): boolean {
  const { searchParams } = new URL(text);
  const files = ['sslrootcert', 'sslcert', 'sslkey'].map((name) => searchParams.get(name));
  return files.every((file) => !file || file === 'system' || canRead(file));
}

function canRead(file: string): boolean {
  try {
    accessSync(file, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

/** pg treats every sslmode except `disable` as `verify-full`. In libpq, `require` verifies nothing. */
export function withLibpqMeaning(text: string): string {
  const url = new URL(text);
  if (!url.searchParams.has('sslmode') || url.searchParams.has('uselibpqcompat')) return text;
  url.searchParams.set('uselibpqcompat', 'true');
  return url.href;
}
