import { Buffer } from 'node:buffer';

export interface Eml {
  /** Decoded and unfolded, by lower-case name. The first of repeated headers counts. */
  headers: Map<string, string>;
  /** The text part, or the HTML part if there is no text part. */
  text: string;
  /** Empty without an HTML part. */
  html: string;
}

interface Part {
  headers: Map<string, string>;
  /** One character per byte, because the part itself declares its encoding. */
  body: string;
}

/** Parses the headers, the text and the HTML of a message (RFC 5322 and MIME). */
export function parseEml(bytes: Buffer): Eml {
  const message = splitPart(bytes.toString('latin1'));
  const parts = leaves(message);
  const html = parts.find((part) => typeOf(part) === 'text/html');
  const text = parts.find((part) => typeOf(part) === 'text/plain') ?? html;
  const headers = new Map([...message.headers].map(([name, value]) => [name, decodeWords(value)]));
  return { headers, text: text ? decodeBody(text) : '', html: html ? decodeBody(html) : '' };
}

function splitPart(raw: string): Part {
  const blankLine = /(?:^|\r?\n)\r?\n/.exec(raw);
  const head = raw.slice(0, blankLine?.index ?? raw.length);
  const body = blankLine ? raw.slice(blankLine.index + blankLine[0].length) : '';
  const headers = new Map<string, string>();
  // A line that begins with white space continues the previous line.
  for (const line of head.replace(/\r?\n(?=[ \t])/g, '').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).trim().toLowerCase();
    if (colon > 0 && !headers.has(name)) headers.set(name, line.slice(colon + 1).trim());
  }
  return { headers, body };
}

/** The parts with content. Multiparts may be nested. */
function leaves(part: Part): Part[] {
  if (!typeOf(part).startsWith('multipart/')) return [part];
  const boundary = `--${parameter(part, 'boundary')}`;
  const contents: string[][] = [];
  for (const line of part.body.split('\n')) {
    const mark = line.trimEnd();
    if (mark === `${boundary}--`) break;
    if (mark === boundary) contents.push([]);
    // Lines before the first boundary belong to no part.
    else contents.at(-1)?.push(line);
  }
  return contents.flatMap((lines) => leaves(splitPart(lines.join('\n'))));
}

function typeOf(part: Part): string {
  const [type = ''] = (part.headers.get('content-type') ?? 'text/plain').split(';');
  return type.trim().toLowerCase();
}

function parameter(part: Part, name: string): string | undefined {
  const pattern = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;]+))`, 'i');
  const match = pattern.exec(part.headers.get('content-type') ?? '');
  return match?.[1] ?? match?.[2];
}

function decodeBody(part: Part): string {
  const encoding = (part.headers.get('content-transfer-encoding') ?? '8bit').trim().toLowerCase();
  const bytes = decodeBytes(encoding, part.body);
  return decodeText(bytes, parameter(part, 'charset') ?? 'utf-8');
}

function decodeBytes(encoding: string, body: string): Buffer {
  if (encoding === 'base64') return Buffer.from(body, 'base64');
  if (encoding !== 'quoted-printable') return Buffer.from(body, 'latin1');
  // A "=" at the end of a line is a soft line break. White space after it was added in transport (RFC 2045, 6.7).
  return decodeHexPairs(body.replace(/=[ \t]*\r?\n/g, ''));
}

function decodeHexPairs(text: string): Buffer {
  const bytes = text.replace(/=([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1');
}

function decodeText(bytes: Buffer, charset: string): string {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    // With an unknown charset, ASCII and therefore the link are still readable.
    return bytes.toString('latin1');
  }
}

/** Decodes encoded words (RFC 2047) or raw UTF-8 (RFC 6532). White space between encoded words is not part of the text. */
function decodeWords(value: string): string {
  const joined = Buffer.from(value, 'latin1')
    .toString('utf8')
    .replace(/(\?=)\s+(?==\?)/g, '$1');
  return joined.replace(
    /=\?([^?*\s]+)[^?\s]*\?([bq])\?([^?\s]*)\?=/gi,
    (_, charset: string, kind: string, text: string) => {
      const bytes =
        kind.toLowerCase() === 'b' ? Buffer.from(text, 'base64') : decodeHexPairs(text.replaceAll('_', ' '));
      return decodeText(bytes, charset);
    },
  );
}
