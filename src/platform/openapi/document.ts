import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { version } from '../config/version.ts';
import { RateLimitedError } from '../errors/platform.errors.ts';
import { describeEvents } from './webhook-events.ts';
import { problemResponse } from './problem-response.ts';
import { problemSchema } from './problem.schema.ts';

/** Schemas that no route declares as its own answer but that every route refers to. */
const SHARED_SCHEMAS = [problemSchema];

export function createDocument(app: INestApplication): OpenAPIObject {
  const description = 'The conventions that hold for every route are in docs/architecture.md of the source.';
  const options = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Reference API')
    .setDescription(description)
    .setVersion(version)
    .addBearerAuth()
    .build();
  const document = SwaggerModule.createDocument(app, options, {
    operationIdFactory: (controller, method) => {
      const feature = controller.replace(/Controller$/, '');
      return `${feature[0]?.toLowerCase()}${feature.slice(1)}_${method}`;
    },
    standardSchemaConverter: convert as never,
  });
  for (const schema of SHARED_SCHEMAS) {
    document.components!.schemas![String(schema.meta()?.id)] = convert(schema, { schemaType: 'output' })
      .schema as never;
  }
  describeRateLimits(document);
  describeEvents(document, (schema) => convert(schema, { schemaType: 'output' }));
  return document;
}

/** Counted in the guard of every route under /v1, so no route has to say it. */
function describeRateLimits({ paths }: OpenAPIObject): void {
  for (const [path, operations] of Object.entries(paths)) {
    if (!path.startsWith('/v1/')) continue;
    for (const { responses } of Object.values(
      operations as Record<string, { responses: Record<string, object> }>,
    )) {
      responses['429'] = problemResponse([RateLimitedError.problem]);
    }
  }
}

/** Zod's own conversion to the JSON Schema of OpenAPI 3.1; a schema with an id becomes a named component. */
function convert(schema: z.ZodType, { schemaType }: { schemaType: 'input' | 'output' }) {
  const {
    $schema,
    $defs = {},
    ...rest
  } = z.toJSONSchema(schema, { io: schemaType, target: 'draft-2020-12' });
  void $schema;
  return { schema: rest, components: $defs };
}
