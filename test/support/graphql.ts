import type { Test } from 'supertest';
import { Metrics } from '../../src/platform/metrics/metrics.service.ts';
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
  /** The codes of the errors, in order. */
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

/** Sends one operation without a token. */
export const anonymousGraphql = async (app: TestApp, query: string): Promise<GraphqlResult> =>
  resultOf(await app.http().post('/graphql').send({ query }));

/** The series of `graphql_errors_total`, by their labels. */
export async function countedGraphqlErrors(app: TestApp): Promise<Record<string, number>> {
  const text = await app.api.get(Metrics).registry.getSingleMetricAsString('graphql_errors_total');
  const series = [...text.matchAll(/^graphql_errors_total(\{.*\}) (\d+)$/gm)];
  return Object.fromEntries(series.map(([, labels, count]) => [String(labels), Number(count)]));
}
