import { GraphQLError } from 'graphql';
import { AppError } from '../errors/app-error.ts';
import type { ErrorFormat } from '../errors/error-forms.ts';
import type { Occurrence } from '../errors/problem-body.ts';
import { logError, toAppError } from '../http/problem.filter.ts';
import { GraphqlInvalidError } from './graphql.errors.ts';

/** As in a problem document. */
const DETAILS_MAX = 50;

type Reader = Pick<Occurrence, 'correlationId' | 'locale'>;

/** One error in the shape of the GraphQL specification, with the code of REST. */
function shapeOf(error: AppError, { correlationId, locale }: Reader) {
  const { problem, extras } = error;
  return {
    message: error.textIn(locale).detail,
    extensions: {
      code: problem.code,
      correlationId,
      ...(extras.details && { details: extras.details.slice(0, DETAILS_MAX) }),
    },
  };
}

interface RejectionShape {
  message: string;
  extensions: Record<string, unknown>;
}

/** The errors of a request that was rejected before any resolver ran. */
export function rejectionShapes(error: AppError, reader: Reader): RejectionShape[] {
  const shape = shapeOf(error, reader);
  if (!(error instanceof GraphqlInvalidError)) return [shape];
  return error.graphqlErrors.map(({ message, locations }) => ({
    ...shape,
    message,
    ...(locations && { locations }),
  }));
}

/** The body of every rejected POST /graphql, also of one that was rejected before the controller. */
export const graphqlErrorFormat: ErrorFormat = {
  mediaType: 'application/json; charset=utf-8',
  body: (error: AppError, occurrence: Occurrence) =>
    JSON.stringify({ errors: rejectionShapes(error, occurrence) }),
};

/** Replaces the errors of resolvers: a client never sees the message of a library or a stack. */
export function executionErrors(errors: readonly GraphQLError[], reader: Reader): GraphQLError[] {
  return errors.map(({ originalError, nodes, source, positions, path, ...rest }) => {
    const cause: unknown = originalError ?? new Error('GraphQL execution failed', { cause: rest });
    const error = toAppError(cause);
    logError(error, cause);
    const { message, extensions } = shapeOf(error, reader);
    return new GraphQLError(message, { nodes, source, positions, path, extensions });
  });
}
