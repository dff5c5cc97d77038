import { describe, expect, it } from '@jest/globals';
import { differencesOfGraphql } from '../support/graphql-contract.ts';

const query = '{ me { id role } jobs(first: 1) { edges { node { id status createdAt } } } }';
const job = { id: 'a', status: 'queued', createdAt: '2026-01-01T00:00:00.000Z' };
const data = { me: { id: 'b', role: 'user' }, jobs: { edges: [{ node: job }] } };

const check = (body: object, status = 200) => differencesOfGraphql({ query }, status, JSON.stringify(body));
const withJob = (changes: object) => ({
  data: { ...data, jobs: { edges: [{ node: { ...job, ...changes } }] } },
});

describe('the comparison of a GraphQL response with the schema', () => {
  it('accepts the selected fields in their types', () => {
    expect(check({ data })).toEqual([]);
  });

  it.each([
    ['a field of another type', withJob({ id: 1 }), 'jobs.edges[].node.id is no ID'],
    ['a value outside of the enum', withJob({ status: 'lost' }), 'jobs.edges[].node.status is no JobStatus'],
    ['a malformed time', withJob({ createdAt: 'today' }), 'jobs.edges[].node.createdAt is no DateTime'],
    ['a field that was not selected', withJob({ type: 'x' }), 'jobs.edges[].node.type was not selected'],
    ['null where the type forbids it', { data: { ...data, me: null } }, 'me is null'],
    ['a missing field', { data: { me: data.me } }, 'jobs is missing'],
    ['an empty list of errors', { data, errors: [] }, 'errors is empty'],
    ['another property', { data, extra: 1 }, 'the response has extra'],
  ])('finds %s', (_name, body, difference) => {
    expect(check(body)).toEqual([difference]);
  });

  it('accepts that a condition leaves out a part of a merged field', () => {
    const merged = '{ me @skip(if: true) { role } me { id } }';

    expect(differencesOfGraphql({ query: merged }, 200, '{"data":{"me":{"id":"b"}}}')).toEqual([]);
  });

  it('finds an error without a documented code', () => {
    const errors = [{ message: 'No', extensions: { code: 'ODD', correlationId: 'a' } }];

    expect(check({ errors }, 400)).toEqual(['the code ODD is not documented']);
  });

  it('finds a rejection with status 200', () => {
    const errors = [{ message: 'No', extensions: { code: 'GRAPHQL_INVALID', correlationId: 'a' } }];

    expect(check({ errors })).toEqual(['no data with status 200']);
  });
});
