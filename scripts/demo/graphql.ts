import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ApiClient, expectEqual } from './client.ts';
import type { Progress } from './terminal.ts';

/** The exact text of the file, which is registered as a trusted document. */
export const readOperation = (name: string): string =>
  readFileSync(join(import.meta.dirname, 'operations', `${name}.graphql`), 'utf8');

/** One query in place of three REST requests. */
export async function queryJobs(api: ApiClient, email: string, on: Progress): Promise<void> {
  const json = { query: readOperation('latest-jobs'), variables: { first: 5 } };
  const { data } = await api.call<{
    me: { displayName: string };
    jobs: { totalCount: number; edges: { node: { owner: { email: string } } }[] };
  }>('POST /graphql', 200, { json });
  const owners = data.jobs.edges.map(({ node }) => node.owner.email);
  expectEqual('the owner of each job', [...new Set(owners)], [email]);
  on.note(`${data.jobs.totalCount} jobs of ${data.me.displayName}`);
}
