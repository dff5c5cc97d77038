import { CriticalityLevel, diff } from '@graphql-inspector/core';
import { buildSchema } from 'graphql';

/** One sentence per change of the schema that breaks a client of the earlier one. */
export async function breakingGraphqlChanges(before: string, after: string): Promise<string[]> {
  const changes = await diff(buildSchema(before), buildSchema(after));
  return changes
    .filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking)
    .map(({ message }) => `GraphQL: ${message.replace(/\.?$/, '.')}`);
}
