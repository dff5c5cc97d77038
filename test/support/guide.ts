import { readFileSync } from 'node:fs';

/** The text of a guide in docs/guides. */
export const readGuide = (name: string): string =>
  readFileSync(new URL(`../../docs/guides/${name}`, import.meta.url), 'utf8');

/** The contents of the code blocks in one language. */
export const codeBlocks = (guide: string, language: string): string[] =>
  [...guide.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'gms'))].map(([, text]) => String(text));

interface Message {
  /** The parts of the first line: `GET /v1/jobs` or `HTTP/1.1 200 OK`. */
  start: string[];
  headers: Record<string, string>;
  /** Parsed JSON. */
  body: unknown;
}

/** A code block of a request and its response, as they are sent. */
export function parseExchange(block: string): { request: Message; response: Message } {
  const [request = '', response] = block.split(/^(?=HTTP\/1\.1 )/m);
  if (!response) throw new Error(`An example needs a request and a response:\n${block}`);
  return { request: parseMessage(request), response: parseMessage(response) };
}

function parseMessage(text: string): Message {
  const [head = '', ...rest] = text.trim().split('\n\n');
  const [start = '', ...lines] = head.split('\n');
  const headers = lines.map((line) => {
    const at = line.indexOf(':');
    return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()];
  });
  const body = rest.join('\n\n');
  return {
    start: start.split(' '),
    headers: Object.fromEntries(headers) as Record<string, string>,
    body: body ? JSON.parse(body) : undefined,
  };
}

/** The code blocks of a guide that are in none of the files of test/, apart from imports and indentation. */
export function blocksNotIn(guide: string, files: string[]): string[] {
  const plain = (code: string) =>
    code
      .replaceAll(/^import .*\n/gm, '')
      .replaceAll(/^ +/gm, '')
      .trim();
  const sources = files.map((file) => plain(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')));
  const blocks = codeBlocks(readGuide(guide), 'ts');
  if (blocks.length === 0) throw new Error(`${guide} has no code`);
  return blocks.filter((block) => !sources.some((source) => source.includes(plain(block))));
}
