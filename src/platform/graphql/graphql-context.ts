import DataLoader from 'dataloader';
import type { FastifyReply } from 'fastify';
import type { Locale } from '../i18n/locales.ts';
import type { Principal } from '../security/principal.ts';

interface Identified {
  id: string;
}

/** Loads the rows of nested fields: one statement for all rows that one level of an operation needs. */
export class Loaders {
  private readonly loaders = new Map<string, DataLoader<string, unknown>>();

  /** Without `cache`, rows are read again for each event of a subscription. */
  constructor(private readonly options: { cache: boolean }) {}

  /** The row with this id, or null. `find` must return only rows that the caller may see. */
  async load<Row extends Identified>(
    name: string,
    id: string,
    find: (ids: string[]) => Promise<Row[]>,
  ): Promise<Row | null> {
    const findById = async (ids: string[]) => new Map((await find(ids)).map((row) => [row.id, row]));
    return (await this.loadFrom(name, id, findById)) ?? null;
  }

  /** The value of a key, such as the rows of a parent. `find` must return only data that the caller may see. */
  loadFrom<Value>(
    name: string,
    key: string,
    find: (keys: string[]) => Promise<Map<string, Value>>,
  ): Promise<Value | undefined> {
    let loader = this.loaders.get(name);
    if (!loader) {
      loader = new DataLoader(async (keys) => {
        const found = await find([...keys]);
        return keys.map((one) => found.get(one));
      }, this.options);
      this.loaders.set(name, loader);
    }
    return loader.load(key) as Promise<Value | undefined>;
  }
}

/** The data that the resolvers of one operation share. */
export interface GraphqlContext {
  readonly caller: Principal;
  readonly ip: string;
  readonly correlationId: string;
  /** The language of error messages. */
  readonly locale: Locale;
  readonly loaders: Loaders;
  /** Absent on a WebSocket. */
  readonly response?: FastifyReply;
  /** Root fields that the rate limit skips, because it has counted the request: 1 for HTTP, 0 on a WebSocket. */
  freeRootFields: number;
}
