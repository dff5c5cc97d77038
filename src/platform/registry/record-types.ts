import { z } from 'zod';
import { Registry } from './registry.ts';

/** A kind of stored record whose `data` depends on the kind, such as a notification or an audit event. */
export interface RecordType<Schema extends z.ZodObject = z.ZodObject> {
  /** Unique, stable and in kebab-case: it is stored with each record, and part of the public API. */
  readonly name: string;
  /**
   * JSON values only: for a time use `z.iso.datetime()`. Stored records outlive a release: add only optional properties, or
   * give the type a new name. No secrets and no emails.
   */
  readonly data: Schema;
  /** What happened, for the API description. */
  readonly summary?: string;
}

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const NAME_LENGTH_MAX = 64;
const DATA_MAX_BYTES = 20_000;

/** The type of a record that this release can't read: it was written by another release, or its feature was removed. */
export const UNKNOWN_TYPE = 'unknown';

interface ReadRecord<Type> {
  type: Type | undefined;
  shown: { type: string; data: Record<string, unknown> };
}

/** The types of one kind of record. The API description lists each with its data (`variantsOf` in schema-converter.ts). */
export abstract class RecordTypes<Type extends RecordType> extends Registry<Type> {
  protected keyOf({ name }: Type): string {
    return name;
  }

  override add(types: readonly Type[]): void {
    types.forEach(assertValid);
    super.add(types);
  }

  /** The data to store. Throws if the type is not registered or the data does not fit. */
  toStored<Schema extends z.ZodObject>(
    { name }: RecordType<Schema>,
    data: z.input<Schema>,
  ): z.output<Schema> {
    const type = this.find(name);
    if (!type) throw new Error(`The type ${name} is not registered: add it to forFeature() of its module`);
    const valid = type.data.parse(data);
    if (Buffer.byteLength(JSON.stringify(valid)) > DATA_MAX_BYTES)
      throw new Error(`The data of ${name} has more than ${DATA_MAX_BYTES} bytes`);
    return valid as z.output<Schema>;
  }

  /** The part of a stored record that the API shows. The type is undefined if this release can't read the record. */
  read(name: string, stored: unknown): ReadRecord<Type> {
    const type = this.find(name);
    const data = type?.data.safeParse(stored).data;
    if (!type || !data)
      return { type: undefined, shown: { type: UNKNOWN_TYPE, data: { type: name, data: stored } } };
    return { type, shown: { type: name, data } };
  }
}

function assertValid({ name, data }: RecordType): void {
  if (!NAME.test(name) || name.length > NAME_LENGTH_MAX || name === UNKNOWN_TYPE)
    throw new Error(`The type ${name} needs a name in kebab-case of at most ${NAME_LENGTH_MAX} characters`);
  try {
    z.toJSONSchema(data);
  } catch (error) {
    const { message } = error as Error;
    throw new Error(`The data of ${name} must consist of JSON values: ${message}`, { cause: error });
  }
}
