import {
  buildSchema,
  type FieldNode,
  type FragmentDefinitionNode,
  getNullableType,
  getOperationAST,
  type GraphQLObjectType,
  type GraphQLOutputType,
  isEnumType,
  isListType,
  isNonNullType,
  isObjectType,
  Kind,
  parse,
  type SelectionSetNode,
  validate,
} from 'graphql';
import { readFileSync } from 'node:fs';
import { GRAPHQL_ERRORS } from '../../src/platform/graphql/graphql.errors.ts';
import { codesOf, operations } from './openapi.ts';

export const graphqlSchema = buildSchema(
  readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8'),
);

const KNOWN_CODES = new Set([
  ...operations.flatMap((operation) => codesOf(operation)),
  ...GRAPHQL_ERRORS.map(({ problem }) => problem.code),
  'MALFORMED_REQUEST',
]);

const isText = (value: unknown): boolean => typeof value === 'string';
const SCALARS: Record<string, (value: unknown) => boolean> = {
  ID: isText,
  String: isText,
  Boolean: (value) => typeof value === 'boolean',
  Int: (value) => Number.isInteger(value),
  Float: (value) => typeof value === 'number',
  DateTime: (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(String(value)),
  JSON: () => true,
};

interface Result {
  data?: Record<string, unknown> | null;
  errors?: { message?: unknown; extensions?: { code?: string; correlationId?: unknown } }[];
}

/** Compares a response of POST /graphql with schema.graphql and the operation that was sent. */
export function differencesOfGraphql(sent: unknown, status: number, body: string): string[] {
  const { data, errors, ...others } = JSON.parse(body) as Result;
  const found = [
    ...Object.keys(others).map((name) => `the response has ${name}`),
    ...(errors ?? []).flatMap(differencesOfError),
  ];
  if (errors?.length === 0) found.push('errors is empty');
  const isRejected = data === undefined;
  if (isRejected !== status >= 400) found.push(`${isRejected ? 'no data' : 'data'} with status ${status}`);
  if (!data) return errors ? found : [...found, 'neither data nor errors'];
  const { query, operationName } = sent as { query?: string; operationName?: string };
  // Without a query: a registered document, which the client sends by its id.
  return query === undefined ? found : [...found, ...new ResultCheck(query).run(data, operationName)];
}

function differencesOfError({ message, extensions = {} }: NonNullable<Result['errors']>[number]): string[] {
  const { code = 'none', correlationId } = extensions;
  return [
    ...(KNOWN_CODES.has(code) ? [] : [`the code ${code} is not documented`]),
    ...(isText(message) && isText(correlationId) ? [] : ['an error has no message or correlationId']),
  ];
}

/** Compares data with the types of the selected fields. */
class ResultCheck {
  private readonly differences: string[] = [];
  private readonly fragments: Map<string, FragmentDefinitionNode>;

  constructor(private readonly query: string) {
    const fragments = parse(query).definitions.filter((node) => node.kind === Kind.FRAGMENT_DEFINITION);
    this.fragments = new Map(fragments.map((node) => [node.name.value, node]));
  }

  run(data: Record<string, unknown>, operationName: string | undefined): string[] {
    const document = parse(this.query);
    const operation = getOperationAST(document, operationName);
    if (!operation || validate(graphqlSchema, document).length > 0) return ['data of an invalid operation'];
    this.checkObject(
      graphqlSchema.getRootType(operation.operation)!,
      [{ set: operation.selectionSet, isConditional: false }],
      data,
      '',
    );
    return this.differences;
  }

  private checkObject(
    type: GraphQLObjectType,
    selections: Selection[],
    value: Record<string, unknown>,
    path: string,
  ): void {
    const fields = Map.groupBy(
      selections.flatMap((selection) => this.fieldsOf(selection)),
      ({ node }) => node.alias?.value ?? node.name.value,
    );
    for (const name of Object.keys(value)) if (!fields.has(name)) this.add(`${path}${name} was not selected`);
    for (const [name, nodes] of fields) {
      const { node } = nodes[0]!;
      // Introspection has its own schema.
      if (node.name.value.startsWith('__')) continue;
      if (!(name in value)) {
        if (nodes.some(({ isConditional }) => !isConditional)) this.add(`${path}${name} is missing`);
        continue;
      }
      const inner = nodes.flatMap(({ node: { selectionSet }, isConditional }) =>
        selectionSet ? [{ set: selectionSet, isConditional }] : [],
      );
      const { type: fieldType } = type.getFields()[node.name.value]!;
      this.checkValue(fieldType, inner, value[name], `${path}${name}`);
    }
  }

  private checkValue(type: GraphQLOutputType, selections: Selection[], value: unknown, path: string): void {
    if (value === null) {
      if (isNonNullType(type)) this.add(`${path} is null`);
      return;
    }
    const inner = getNullableType(type);
    if (isListType(inner)) {
      if (!Array.isArray(value)) return this.add(`${path} is no list`);
      value.forEach((one) => this.checkValue(inner.ofType, selections, one, `${path}[]`));
    } else if (isObjectType(inner)) {
      this.checkObject(inner, selections, value as Record<string, unknown>, `${path}.`);
    } else {
      const isValid = isEnumType(inner)
        ? inner.getValues().some(({ name }) => name === value)
        : SCALARS[String(inner)]?.(value);
      if (!isValid) this.add(`${path} is no ${String(inner)}`);
    }
  }

  /** The fields of a selection and its fragments. A condition may leave them out. */
  private fieldsOf({ set, isConditional: isInConditional }: Selection): SelectedField[] {
    return set.selections.flatMap((node) => {
      const isConditional = isInConditional || (node.directives?.length ?? 0) > 0;
      if (node.kind === Kind.FIELD) return [{ node, isConditional }];
      const { selectionSet } =
        node.kind === Kind.INLINE_FRAGMENT ? node : this.fragments.get(node.name.value)!;
      return this.fieldsOf({ set: selectionSet, isConditional });
    });
  }

  private add(difference: string): void {
    this.differences.push(difference);
  }
}

interface Selection {
  set: SelectionSetNode;
  isConditional: boolean;
}

interface SelectedField {
  node: FieldNode;
  isConditional: boolean;
}
