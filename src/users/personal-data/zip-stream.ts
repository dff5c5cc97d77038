import { strToU8, Zip, ZipDeflate } from 'fflate';

export interface ZipEntry {
  name: string;
  text: AsyncIterable<string>;
}

/** Streams the entries as a ZIP, so that only the current chunk is in memory. */
export async function* zipStream(entries: Iterable<ZipEntry>): AsyncGenerator<Buffer> {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, bytes) => {
    if (error) throw error;
    chunks.push(bytes);
  });
  for (const { name, text } of entries) {
    const file = new ZipDeflate(name);
    zip.add(file);
    for await (const part of text) {
      file.push(strToU8(part));
      yield Buffer.concat(chunks.splice(0));
    }
    file.push(new Uint8Array(), true);
  }
  zip.end();
  yield Buffer.concat(chunks);
}
