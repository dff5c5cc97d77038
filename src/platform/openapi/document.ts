import { type INestApplication, VersioningType } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Config } from '../config/config.ts';
import { product } from '../config/product.ts';
import type { AppErrorClass, Problem } from '../errors/app-error.ts';
import { ErrorForms } from '../errors/error-forms.ts';
import {
  ForbiddenError,
  InternalError,
  InvalidCursorError,
  MalformedJsonError,
  NotFoundError,
  PayloadTooLargeError,
  RateLimitedError,
  UnauthenticatedError,
  UnavailableError,
  UnsupportedMediaTypeError,
  ValidationFailedError,
} from '../errors/platform.errors.ts';
import { EventTypes } from '../events/domain-events.ts';
import { readRegistry } from '../registry/registry.ts';
import type { RouteAccess } from '../security/access.decorators.ts';
import { isExemptFromRateLimits } from '../security/rate-limit.decorator.ts';
import {
  describeDeprecation,
  describeHeaders,
  describeIdempotency,
  describeLocation,
  describePermission,
  describeVersions,
  HEADERS,
  type Operation,
} from './endpoint-headers.ts';
import { isPaged } from './endpoint.decorator.ts';
import { type EndpointEntry, findEndpoints } from './endpoints.ts';
import { placeExamples } from './examples.ts';
import { formResponse, problemExample, problemResponse, problemSchema } from './problem-response.ts';
import { schemaConverter } from './schema-converter.ts';
import { listTags } from './tag.decorator.ts';
import { describeEvents } from './webhook-events.ts';

const DESCRIPTION = `
A successful response has the resource in \`data\`; a page of a list also has \`meta.nextCursor\` for the next page.
An error is a problem document (RFC 9457): decide by its \`code\`. \`GET /problems\` lists all codes.
Unknown properties and unknown query parameters are errors.
`.trim();

const describeToken = (seconds: number): string =>
  `The access token from a sign-in. It is valid for ${Math.floor(seconds / 60)} minutes; then refresh it.`;

/** An empty requirement means that the token may be left out. */
const securityOf = (access: RouteAccess, schemes: string[]): object[] => {
  const tokens = schemes.map((scheme) => ({ [scheme]: [] }));
  return { required: tokens, optional: [{}, ...tokens], none: [] }[access];
};

/** The OpenAPI document of the application, without starting it. */
export async function describeApp(root: object) {
  const app = await NestFactory.create(root as never, new FastifyAdapter(), { preview: true, logger: false });
  app.enableVersioning({ type: VersioningType.URI });
  return createDocument(app);
}

export function createDocument(app: INestApplication): OpenAPIObject {
  const { ACCESS_TOKEN_SECONDS, AUTH_SCHEMES } = app.get(Config);
  const token = { description: describeToken(ACCESS_TOKEN_SECONDS) };
  const options = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle(`${product.title} API`)
    .setDescription(DESCRIPTION)
    .setVersion(product.version)
    // Relative, so that the document is the same on every server.
    .addServer('/', 'The server that serves this document.')
    .addBearerAuth({ type: 'http', bearerFormat: 'JWT', ...token });
  for (const scheme of AUTH_SCHEMES) {
    options.addSecurity(scheme.toLowerCase(), { type: 'http', scheme: scheme.toLowerCase(), ...token });
  }
  const modules = app.get(ModulesContainer);
  for (const { name, description } of listTags(modules)) options.addTag(name, description);
  const convert = schemaConverter(modules);
  const document = SwaggerModule.createDocument(app, options.build(), {
    operationIdFactory: (_controller, method) => method,
    standardSchemaConverter: convert as never,
  });
  document.info.contact = { name: 'The maintainers' };
  // DocumentBuilder knows only the license URL of OpenAPI 3.0.
  Object.assign(document.info, { license: { name: 'MIT', identifier: 'MIT' } });
  // Routes declare only the schemas of their success responses.
  Object.assign(document.components!.schemas!, convert(problemSchema, { schemaType: 'output' }).components);
  const endpoints = findEndpoints(modules);
  const problems = new Set<Problem>();
  const formAt = errorForms(document, modules, convert);
  const schemes = ['bearer', ...AUTH_SCHEMES].map((scheme) => scheme.toLowerCase());
  for (const [path, operations] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(operations as Record<string, Operation>)) {
      const endpoint = endpoints.get(operation.operationId);
      const form = formAt(path);
      if (endpoint)
        describeOperation(operation, { method, path, schemes, form }, endpoint).forEach((problem) =>
          problems.add(problem),
        );
    }
  }
  document.components!.headers = HEADERS;
  document.components!.examples = Object.fromEntries(
    [...problems].map((problem) => [problem.code, problemExample(problem)]),
  );
  describeEvents(document, readRegistry(modules, EventTypes).all(), (schema) =>
    convert(schema, { schemaType: 'output' }),
  );
  return document;
}

interface OperationContext {
  method: string;
  path: string;
  schemes: string[];
  /** Describes the errors of one status, if the path has its own form of errors. */
  form: ((problems: Problem[]) => Operation['responses'][string]) | undefined;
}

/** Finds the form of errors for a path, and adds its schema to the document. */
function errorForms(
  document: OpenAPIObject,
  modules: ModulesContainer,
  convert: ReturnType<typeof schemaConverter>,
) {
  const forms = readRegistry(modules, ErrorForms) as ErrorForms;
  return (path: string): OperationContext['form'] => {
    const form = forms.forUrl(path);
    if (!form) return undefined;
    const { schema, components } = convert(form.schema, { schemaType: 'output' });
    Object.assign(document.components!.schemas!, components);
    return (problems) => formResponse(form, schema, problems);
  };
}

/**
 * Adds the security and the errors that follow from the kind of the route, so that routes don't repeat them. Returns the
 * errors.
 */
function describeOperation(
  operation: Operation,
  { method, path, schemes, form }: OperationContext,
  endpoint: EndpointEntry,
): Problem[] {
  describeExamples(operation, endpoint);
  operation.security = securityOf(endpoint.access, schemes);
  if (endpoint.permission) describePermission(operation, endpoint.permission);
  const errors = [
    ...(endpoint.options.errors ?? []),
    ...impliedErrors(operation, endpoint),
    ...describeOptions(operation, method, endpoint),
  ];
  if (!isExemptFromRateLimits(path)) errors.push(RateLimitedError);
  const problems = [...new Set(errors)]
    .filter((error) => !endpoint.options.impossibleErrors?.includes(error))
    .map(({ problem }) => problem);
  for (const [status, entries] of Map.groupBy(problems, (problem) => problem.status)) {
    if (endpoint.options.otherResponses?.[status]) continue;
    operation.responses[status] = form ? form(entries) : problemResponse(entries);
  }
  describeHeaders(operation, path);
  return problems;
}

/** Returns the errors that follow from the options. */
function describeOptions(operation: Operation, method: string, { options }: EndpointEntry): AppErrorClass[] {
  const { idempotent, versioned, deprecated, location } = options;
  if (deprecated) describeDeprecation(operation, deprecated);
  if (location) describeLocation(operation, location);
  return [
    ...(idempotent ? describeIdempotency(operation) : []),
    ...(versioned ? describeVersions(operation, method) : []),
  ];
}

function describeExamples(
  { parameters = [], requestBody, responses }: Operation,
  { options }: EndpointEntry,
): void {
  for (const parameter of parameters) {
    const { example, ...schema } = parameter['schema'] as { example?: unknown };
    if (example !== undefined) Object.assign(parameter, { schema, example });
  }
  placeExamples(requestBody?.content);
  for (const [status, { content }] of Object.entries(responses)) {
    const other = options.otherResponses?.[Number(status)];
    placeExamples(content, other ? other.examples : options.examples);
  }
}

function impliedErrors(
  { parameters = [], requestBody }: Operation,
  endpoint: EndpointEntry,
): AppErrorClass[] {
  const errors: AppErrorClass[] = [ValidationFailedError, InternalError, UnavailableError];
  if (endpoint.access !== 'none') errors.push(UnauthenticatedError);
  if (endpoint.permission) errors.push(ForbiddenError);
  if (isPaged(endpoint.options.returns)) errors.push(InvalidCursorError);
  if (requestBody) errors.push(PayloadTooLargeError, UnsupportedMediaTypeError);
  if (requestBody?.content['application/json']) errors.push(MalformedJsonError);
  if (parameters.some((parameter) => parameter.in === 'path')) errors.push(NotFoundError);
  return errors;
}
