import { Injectable } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import type { FastifyInstance } from 'fastify';
import {
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  getOperationAST,
  type GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  OperationTypeNode,
  specifiedRules,
  validate,
  type ValidationRule,
} from 'graphql';
import { Counter } from 'prom-client';
import { z } from 'zod';
import { Config } from '../config/config.ts';
import { ValidationFailedError } from '../errors/platform.errors.ts';
import { fieldFailures } from '../http/validation.pipe.ts';
import { Metrics } from '../metrics/metrics.service.ts';
import { assertWithinLimits, parseDocument } from './document-limits.ts';
import { executionErrors } from './error-format.ts';
import type { GraphqlContext } from './graphql-context.ts';
import { GraphqlBatchError, GraphqlInvalidError } from './graphql.errors.ts';
import { TrustedDocuments } from './trusted-documents.ts';

/** In production a client can't read the schema from the API. The schema is in the repository. */
export const extraRules = ({ NODE_ENV }: Config): ValidationRule[] =>
  NODE_ENV === 'production' ? [NoSchemaIntrospectionCustomRule] : [];

const validationRules = (config: Config): ValidationRule[] => [...specifiedRules, ...extraRules(config)];

/** A request of the GraphQL over HTTP specification, and the payload of `subscribe` on a WebSocket. */
const requestSchema = z
  .strictObject({
    query: z.string().optional(),
    documentId: z.string().max(100).optional(),
    operationName: z.string().max(200).nullish(),
    variables: z.record(z.string(), z.unknown()).nullish(),
    extensions: z.record(z.string(), z.unknown()).nullish(),
  })
  .refine(({ query, documentId }) => query !== undefined || documentId !== undefined, {
    path: ['query'],
    error: 'Send a query or a documentId.',
    params: { code: 'REQUIRED' },
  });

interface PreparedRequest {
  text: string;
  document: DocumentNode;
  variables: Record<string, unknown>;
  operationName: string | undefined;
}

interface MercuriusValidationError extends Error {
  code: 'MER_ERR_GQL_VALIDATION';
  errors: GraphQLError[];
}

/** Checks and runs operations. Every limit is checked before any resolver runs. */
@Injectable()
export class GraphqlExecutor {
  private readonly errors: Counter;

  constructor(
    private readonly config: Config,
    private readonly schemaHost: GraphQLSchemaHost,
    private readonly trusted: TrustedDocuments,
    private readonly adapterHost: HttpAdapterHost,
    metrics: Metrics,
  ) {
    this.errors = new Counter({
      name: 'graphql_errors_total',
      help: 'Errors of GraphQL operations, by their code.',
      labelNames: ['code', 'operation'],
      registers: [metrics.registry],
    });
  }

  /** Runs a query or mutation. Throws when the request is rejected; errors of fields are in the result. */
  async execute(body: unknown, context: GraphqlContext): Promise<ExecutionResult> {
    const { text, document, variables, operationName } = this.prepare(body);
    const operation = getOperationAST(document, operationName)?.operation ?? OperationTypeNode.QUERY;
    if (operation === OperationTypeNode.SUBSCRIPTION) {
      throw GraphqlInvalidError.because([
        { message: 'Subscriptions run over a WebSocket with graphql-transport-ws.' },
      ]);
    }
    const fastify: FastifyInstance = this.adapterHost.httpAdapter.getInstance();
    try {
      const result = await fastify.graphql(text, context as never, variables, operationName);
      this.countErrors(operation, result.errors);
      return result;
    } catch (error) {
      if (isValidationError(error)) throw GraphqlInvalidError.because(error.errors);
      throw error;
    }
  }

  /** Checks a subscription, and returns the arguments with which graphql-js runs it. */
  prepareSubscription(payload: unknown, contextValue: GraphqlContext): ExecutionArgs {
    const { document, variables: variableValues, operationName } = this.prepare(payload);
    const errors = validate(this.schema, document, validationRules(this.config), {
      hideSuggestions: this.config.NODE_ENV === 'production',
    });
    if (errors.length > 0) throw GraphqlInvalidError.because(errors);
    if (getOperationAST(document, operationName)?.operation !== OperationTypeNode.SUBSCRIPTION) {
      throw GraphqlInvalidError.because([
        { message: 'A WebSocket runs subscriptions only. Send others to POST /graphql.' },
      ]);
    }
    return { schema: this.schema, document, variableValues, operationName, contextValue };
  }

  /** Counts the errors that a client gets. Their codes are those of REST. */
  countErrors(operation: OperationTypeNode, errors: readonly GraphQLError[] = []): void {
    for (const { extensions } of errors) this.errors.inc({ code: String(extensions['code']), operation });
  }

  private get schema(): GraphQLSchema {
    return this.schemaHost.schema;
  }

  private prepare(body: unknown): PreparedRequest {
    if (Array.isArray(body)) throw new GraphqlBatchError();
    const parsed = requestSchema.safeParse(body);
    if (!parsed.success)
      throw new ValidationFailedError({ details: fieldFailures(parsed.error.issues, body) });
    const { operationName } = parsed.data;
    const variables = parsed.data.variables ?? {};
    const text = this.trusted.resolve(parsed.data);
    // Mercurius alone would accept a serialized AST of any size as a document.
    const document = parseDocument(text);
    assertWithinLimits(document, this.schema, variables);
    return { text, document, variables, operationName: operationName ?? undefined };
  }
}

const isValidationError = (error: unknown): error is MercuriusValidationError =>
  (error as Partial<MercuriusValidationError>).code === 'MER_ERR_GQL_VALIDATION';

/** For Mercurius: the result with our errors. The status stays 200, because the operation ran. */
export function formatExecution(execution: ExecutionResult, context: GraphqlContext) {
  const errors = executionErrors(execution.errors ?? [], context);
  return { statusCode: 200, response: { data: execution.data ?? null, errors } };
}
