import type { Test } from 'supertest';
import type { TestApp } from './app.ts';
import type { SignedIn } from './client.ts';

export interface GraphqlResult {
  status: number;
  data: any;
  errors?: {
    message: string;
    path?: (string | number)[];
    extensions: { code: string; correlationId: string; details?: { path: string; code: string }[] };
  }[];
  /** Of the errors, in order. */
  codes: string[];
}

/** Sends one operation. The result of a request that was rejected has errors and no data. */
export async function graphql(caller: SignedIn, query: string, variables?: object): Promise<GraphqlResult> {
  return resultOf(await caller.post('/graphql', { query, ...(variables && { variables }) }));
}

export const resultOf = ({ status, body }: Awaited<Test>): GraphqlResult => ({
  status,
  ...body,
  codes: (body.errors ?? []).map(({ extensions }: { extensions: { code: string } }) => extensions.code),
});

/** Without a token. */
export const anonymousGraphql = async (app: TestApp, query: string): Promise<GraphqlResult> =>
  resultOf(await app.http().post('/graphql').send({ query }));
