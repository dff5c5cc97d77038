/** One block of an event stream: an event, or a comment, or a retry time. */
export interface SseBlock {
  event?: string;
  id?: string;
  /** Parsed JSON. */
  data?: unknown;
  retryMs?: number;
  comment?: string;
}

/** Parses Server-Sent Events (WHATWG HTML, section 9.2) with one line of data per event, as this API sends them. */
export class SseParser {
  /** The received parts of the last block. */
  private parts: string[] = [];

  /** Adds received text. Returns the blocks that are complete. */
  add(text: string): SseBlock[] {
    const lastCharacter = this.parts.at(-1)?.at(-1) ?? '';
    this.parts.push(text);
    // Searches only the new text: a large block arrives in many parts.
    if (!(lastCharacter + text).includes('\n\n')) return [];
    const blocks = this.parts.join('').split('\n\n');
    this.parts = [blocks.pop() ?? ''];
    return blocks.map(parseBlock);
  }
}

function parseBlock(text: string): SseBlock {
  const fields = new Map(
    text.split('\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
    }),
  );
  const [event, id, data] = ['event', 'id', 'data'].map((name) => fields.get(name));
  const [retry, comment] = ['retry', ''].map((name) => fields.get(name));
  return {
    ...(event && { event }),
    ...(id && { id }),
    ...(data && { data: JSON.parse(data) as unknown }),
    ...(retry && { retryMs: Number(retry) }),
    ...(comment !== undefined && { comment }),
  };
}
