import { Injectable, Logger } from '@nestjs/common';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Config, StartupError } from '../config/config.ts';
import { GraphqlUnknownDocumentError } from './graphql.errors.ts';

/** Written by `npm run graphql-documents`. Copied next to the built code. */
const DEFAULT_FILE = new URL('./trusted-documents.json', import.meta.url);

const manifestSchema = z.record(z.string().regex(/^[0-9a-f]{64}$/), z.string());

export const documentIdOf = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface DocumentSource {
  query?: string | undefined;
  /** The SHA-256 of a registered document in hex, with or without the prefix `sha256:`. */
  documentId?: string | undefined;
}

/**
 * The documents that clients of this product send. With GRAPHQL_TRUSTED_DOCUMENTS=enforce nothing else runs, so a
 * stolen token can't be used to explore the API. `audit` logs the documents that enforce would reject.
 */
@Injectable()
export class TrustedDocuments {
  private readonly logger = new Logger('TrustedDocuments');
  private readonly documents: Map<string, string>;

  constructor(private readonly config: Config) {
    this.documents = readManifest(config.GRAPHQL_DOCUMENTS_FILE ?? DEFAULT_FILE);
  }

  /** The text to run. Throws when an id is unknown, or when only registered documents may run. */
  resolve({ query, documentId }: DocumentSource): string {
    if (documentId !== undefined) {
      const registered = this.documents.get(documentId.replace(/^sha256:/, ''));
      if (registered === undefined || (query !== undefined && query !== registered)) {
        throw new GraphqlUnknownDocumentError();
      }
      return registered;
    }
    const text = query ?? '';
    const mode = this.config.GRAPHQL_TRUSTED_DOCUMENTS;
    if (mode === 'off') return text;
    const id = documentIdOf(text);
    if (this.documents.has(id)) return text;
    if (mode === 'enforce') throw new GraphqlUnknownDocumentError();
    this.logger.warn({ msg: 'Unregistered GraphQL document', documentId: id });
    return text;
  }
}

function readManifest(file: string | URL): Map<string, string> {
  try {
    const documents = Object.entries(manifestSchema.parse(JSON.parse(readFileSync(file, 'utf8'))));
    const wrong = documents.find(([id, text]) => documentIdOf(text) !== id);
    if (wrong) throw new Error(`${wrong[0]} is not the SHA-256 of its document`);
    return new Map(documents);
  } catch (error) {
    throw new StartupError(`GRAPHQL_DOCUMENTS_FILE: can't read the list: ${(error as Error).message}`);
  }
}
