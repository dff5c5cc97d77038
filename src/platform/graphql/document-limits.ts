import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  getNamedType,
  type GraphQLCompositeType,
  type GraphQLField,
  type GraphQLSchema,
  isCompositeType,
  isInterfaceType,
  isListType,
  isObjectType,
  getNullableType,
  Kind,
  type OperationDefinitionNode,
  parse,
  type SelectionNode,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';
import {
  GraphqlInvalidError,
  GraphqlTooCostlyError,
  GraphqlTooDeepError,
  GraphqlTooLargeError,
  GraphqlTooManyAliasesError,
} from './graphql.errors.ts';

export const DEPTH_MAX = 7;
export const COST_MAX = 5_000;
export const ALIASES_MAX = 15;
export const TOKENS_MAX = 1_000;
/** TOKENS_MAX does not limit comments and long strings. */
export const TEXT_MAX = 32 * 1024;

const DEFAULT_PAGE_SIZE = 20;
/** The wrapper fields of a connection cost nothing. */
const FREE_FIELDS = new Set(['edges', 'node', 'pageInfo']);

type Variables = Readonly<Record<string, unknown>>;

interface Size {
  depth: number;
  cost: number;
  aliases: number;
}

const EMPTY: Size = { depth: 0, cost: 0, aliases: 0 };
/** A fragment that contains itself is infinite. Validation would reject it too, but later. */
const ENDLESS: Size = { depth: Infinity, cost: Infinity, aliases: 0 };

/** Reads a document within the size limit. Throws before the whole text is read when it is too large. */
export function parseDocument(text: string): DocumentNode {
  if (text.length > TEXT_MAX) throw new GraphqlTooLargeError();
  try {
    return parse(text, { maxTokens: TOKENS_MAX });
  } catch (error) {
    const { message } = error as Error;
    if (message.includes(`more that ${TOKENS_MAX} tokens`)) throw new GraphqlTooLargeError();
    throw GraphqlInvalidError.because([error as Error]);
  }
}

/** Throws when any operation of the document exceeds a limit. Fragments count wherever they are used. */
export function assertWithinLimits(
  document: DocumentNode,
  schema: GraphQLSchema,
  variables: Variables,
): void {
  const measure = new Measure(document, schema, variables);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth, cost, aliases } = measure.operation(definition);
    if (depth > DEPTH_MAX) throw new GraphqlTooDeepError();
    if (aliases > ALIASES_MAX) throw new GraphqlTooManyAliasesError();
    if (cost > COST_MAX) throw new GraphqlTooCostlyError();
  }
}

/** Runs before validation, so the document may contain anything that has the syntax of GraphQL. */
class Measure {
  private readonly fragments = new Map<string, FragmentDefinitionNode>();
  /** Each fragment is measured only once. Otherwise, a chain of fragments could take exponential time. */
  private readonly fragmentSizes = new Map<string, Size>();
  private defaults: Variables = {};

  constructor(
    document: DocumentNode,
    private readonly schema: GraphQLSchema,
    private readonly variables: Variables,
  ) {
    for (const definition of document.definitions) {
      if (definition.kind === Kind.FRAGMENT_DEFINITION) this.fragments.set(definition.name.value, definition);
    }
  }

  operation({ operation, selectionSet, variableDefinitions = [] }: OperationDefinitionNode): Size {
    this.fragmentSizes.clear();
    this.defaults = Object.fromEntries(
      variableDefinitions.map(({ variable, defaultValue }) => [
        variable.name.value,
        defaultValue?.kind === Kind.INT ? Number(defaultValue.value) : undefined,
      ]),
    );
    return this.selections(selectionSet, this.schema.getRootType(operation) ?? undefined);
  }

  private selections(set: SelectionSetNode, parent: GraphQLCompositeType | undefined): Size {
    return set.selections
      .map((selection) => this.selection(selection, parent))
      .reduce(
        (sum, size) => ({
          depth: Math.max(sum.depth, size.depth),
          cost: sum.cost + size.cost,
          aliases: sum.aliases + size.aliases,
        }),
        EMPTY,
      );
  }

  private selection(node: SelectionNode, parent: GraphQLCompositeType | undefined): Size {
    if (node.kind === Kind.FIELD) return this.field(node, parent);
    if (node.kind === Kind.FRAGMENT_SPREAD) return this.fragment(node.name.value);
    return this.selections(node.selectionSet, this.typeNamed(node.typeCondition?.name.value) ?? parent);
  }

  private fragment(name: string): Size {
    const known = this.fragmentSizes.get(name);
    if (known) return known;
    const fragment = this.fragments.get(name);
    if (!fragment) return EMPTY;
    this.fragmentSizes.set(name, ENDLESS);
    const size = this.selections(fragment.selectionSet, this.typeNamed(fragment.typeCondition.name.value));
    this.fragmentSizes.set(name, size);
    return size;
  }

  private field(node: FieldNode, parent: GraphQLCompositeType | undefined): Size {
    const name = node.name.value;
    const aliases = node.alias ? 1 : 0;
    // Introspection is off in production. In development, tools ask for the whole schema at once.
    if (name.startsWith('__')) return { depth: 1, cost: 1, aliases };
    const field = fieldOf(parent, name);
    const child = field && getNamedType(field.type);
    const inner = node.selectionSet
      ? this.selections(node.selectionSet, isCompositeType(child) ? child : undefined)
      : EMPTY;
    // Zero times Infinity is NaN.
    const innerCost = inner.cost === 0 ? 0 : inner.cost * this.pageSize(node, field);
    return {
      depth: 1 + inner.depth,
      cost: (FREE_FIELDS.has(name) ? 0 : 1) + innerCost,
      aliases: aliases + inner.aliases,
    };
  }

  /** How many objects a field may return: `first` of a list. */
  private pageSize(
    { name, arguments: args = [] }: FieldNode,
    field: GraphQLField<unknown, unknown> | undefined,
  ): number {
    // The connection that contains `edges` has already counted the page size.
    if (!field || name.value === 'edges') return 1;
    const isPaged = field.args.some((arg) => arg.name === 'first');
    if (!isPaged) return isListType(getNullableType(field.type)) ? DEFAULT_PAGE_SIZE : 1;
    const first = this.numberOf(args.find((arg) => arg.name.value === 'first')?.value);
    return first > 0 ? first : DEFAULT_PAGE_SIZE;
  }

  /** 0 for anything that is not a number: validation rejects it later. */
  private numberOf(value: ValueNode | undefined): number {
    if (value?.kind === Kind.INT) return Number(value.value);
    if (value?.kind !== Kind.VARIABLE) return 0;
    const name = value.name.value;
    const given = this.variables[name] ?? this.defaults[name];
    return typeof given === 'number' ? given : 0;
  }

  private typeNamed(name: string | undefined): GraphQLCompositeType | undefined {
    const type = name === undefined ? undefined : this.schema.getType(name);
    return isCompositeType(type) ? type : undefined;
  }
}

const fieldOf = (type: GraphQLCompositeType | undefined, name: string) =>
  isObjectType(type) || isInterfaceType(type) ? type.getFields()[name] : undefined;
