/**
 * Reads the Server-Sent Events (WHATWG HTML, section 9.2) of a response, because the browser's EventSource can't send an
 * Authorization header. A heartbeat is a block without an event.
 */
export async function* blocksOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      // A chunk may contain a part of a block, or several blocks.
      const blocks = (text + value).split('\n\n');
      text = blocks.pop();
      yield* blocks.map(parse);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parse(block) {
  const fields = {};
  for (const line of block.split('\n')) {
    const [, name, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (name) fields[name] = value;
  }
  return { ...fields, data: fields.data && JSON.parse(fields.data) };
}
