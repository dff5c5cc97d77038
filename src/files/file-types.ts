import { fileTypeFromBuffer } from 'file-type';
import { isUtf8 } from 'node:buffer';

/** The types that an upload can be checked for. Others, such as HTML and SVG, can contain scripts or have no signature. */
export const FILE_TYPES = [
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
  'application/pdf',
  'application/zip',
  'video/mp4',
  'audio/mpeg',
  'text/plain',
  'text/csv',
] as const;
export type FileType = (typeof FILE_TYPES)[number];

/** How many bytes from the start of a file `hasType` needs. */
export const SNIFFED_BYTES = 4_100;
/** A cut at SNIFFED_BYTES may split the last character of a text. */
const CHARACTER_BYTES_MAX = 4;

/** Whether the start of a file belongs to a file of this type. */
export async function hasType(type: string, start: Buffer): Promise<boolean> {
  const sniffed = await fileTypeFromBuffer(start);
  if (!type.startsWith('text/')) return sniffed?.mime === type;
  return sniffed === undefined && !start.includes(0) && startsAsUtf8(start);
}

function startsAsUtf8(start: Buffer): boolean {
  if (start.length < SNIFFED_BYTES) return isUtf8(start);
  return [0, 1, 2, CHARACTER_BYTES_MAX - 1].some((cut) => isUtf8(start.subarray(0, start.length - cut)));
}
