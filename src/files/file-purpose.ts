import { Injectable } from '@nestjs/common';
import { Registry } from '../platform/registry/registry.ts';
import type { FileType } from './file-types.ts';

/** The check of an upload reads the whole file once, while the client waits. */
const SIZE_MAX = 100 * 1024 * 1024;

/** The files that a feature accepts. */
export interface FilePurpose {
  /** The `purpose` in a request: lower case with hyphens. */
  readonly name: string;
  /** At most 100 MiB. */
  readonly maxBytes: number;
  readonly types: readonly FileType[];
  /** Browsers show the file instead of saving it. Images only. Default: false. */
  readonly inline?: boolean;
}

/** A purpose for `FilesModule.forFeature([…])`. */
export function defineFilePurpose<P extends FilePurpose>(purpose: P): P {
  const { name, maxBytes, types, inline } = purpose;
  if (!/^[a-z]+(-[a-z]+)*$/.test(name)) throw new Error(`File purpose ${name}: use lower case and hyphens`);
  if (!(maxBytes > 0 && maxBytes <= SIZE_MAX))
    throw new Error(`File purpose ${name}: maxBytes must be 1 to ${SIZE_MAX}`);
  if (inline && !types.every((type) => type.startsWith('image/')))
    throw new Error(`File purpose ${name}: only images can be inline`);
  return purpose;
}

@Injectable()
export class FilePurposes extends Registry<FilePurpose> {
  protected keyOf({ name }: FilePurpose): string {
    return name;
  }
}
