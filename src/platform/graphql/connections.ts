import type { Type } from '@nestjs/common';
import { ArgsType, Field, Int, ObjectType } from '@nestjs/graphql';
import type { z } from 'zod';
import { ValidationFailedError } from '../errors/platform.errors.ts';
import { type Page, TOTAL_MAX } from '../http/schemas.ts';
import { fieldFailures } from '../http/validation.pipe.ts';

/** The arguments of every list. A feature adds its filters. Their values are checked by the schema of the REST query. */
@ArgsType()
export class PageArgs {
  @Field(() => Int, { nullable: true, description: 'Page size, 1 to 100. Default 20.' })
  first?: number | null;

  @Field(() => String, { nullable: true, description: 'The `endCursor` of the previous page.' })
  after?: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'A field name; with a leading minus in descending order.',
  })
  sort?: string | null;
}

@ObjectType()
export class PageInfo {
  @Field(() => Boolean)
  hasNextPage!: boolean;

  @Field(() => Boolean, { description: 'True when the page was requested with `after`.' })
  hasPreviousPage!: boolean;

  @Field(() => String, { nullable: true })
  startCursor!: string | null;

  @Field(() => String, { nullable: true })
  endCursor!: string | null;
}

interface Edge<Node> {
  cursor: string;
  node: Node;
}

export interface Connection<Node> {
  edges: Edge<Node>[];
  pageInfo: PageInfo;
  totalCount: Promise<number | null>;
}

/** Makes the base class of a connection: `@ObjectType() class JobConnection extends connectionOf(JobObject, 'Job') {}`. */
export function connectionOf<Node>(node: Type<Node>, name: string): Type<Connection<Node>> {
  @ObjectType(`${name}Edge`)
  class NodeEdge {
    @Field(() => String)
    cursor!: string;

    @Field(() => node)
    node!: Node;
  }

  @ObjectType({ isAbstract: true })
  abstract class NodeConnection {
    @Field(() => [NodeEdge])
    edges!: NodeEdge[];

    @Field(() => PageInfo)
    pageInfo!: PageInfo;

    @Field(() => Int, {
      nullable: true,
      description: `The number of nodes on all pages, or null if there are more than ${TOTAL_MAX}.`,
    })
    totalCount!: Promise<number | null>;
  }
  return NodeConnection as Type<Connection<Node>>;
}

const QUERY_NAMES: Record<string, string> = { limit: 'first', cursor: 'after' };

/** The arguments of a list as the query of its REST route. */
export function pageQueryOf<Query>(schema: z.ZodType<Query>, { first, after, ...rest }: PageArgs): Query {
  const given = Object.entries({ limit: first, cursor: after, ...rest }).filter(([, value]) => value != null);
  const query = Object.fromEntries(given);
  const parsed = schema.safeParse(query);
  if (parsed.success) return parsed.data;
  const details = fieldFailures(parsed.error.issues, query);
  throw new ValidationFailedError({
    details: details.map((failure) => ({ ...failure, path: QUERY_NAMES[failure.path] ?? failure.path })),
  });
}

/** A page of the REST list as a Relay connection. */
export function toConnection<Row, Node>(
  page: Page<Row>,
  { after }: PageArgs,
  nodeOf: (row: Row) => Node,
): Connection<Node> {
  const edges = page.data.map((row) => ({ cursor: page.cursorOf(row), node: nodeOf(row) }));
  return {
    edges,
    // A getter, so that rows are counted only if a client asks for the field. A spread would call it.
    get totalCount() {
      return page.countTotal();
    },
    pageInfo: {
      hasNextPage: page.meta.nextCursor !== null,
      hasPreviousPage: after != null,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
  };
}
