/** Writes schema.graphql from the code, or with --check fails when the file differs. Needs a build, but no database. */
import { NestFactory } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { printSchema } from 'graphql';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';

const FILE = join(import.meta.dirname, '..', 'schema.graphql');

process.env.NODE_ENV = 'test';
process.env.DATABASE_URL ??= 'postgres://localhost/unused';
process.env.LOG_LEVEL = 'silent';

const path = (name: string) => new URL(`../dist/src/${name}`, import.meta.url).href;
const [{ AppModule }, { loadConfig }] = await Promise.all([
  import(path('app.module.js')),
  import(path('platform/config/config.js')),
]);
// A preview creates the modules without services and without connections.
const options = { preview: true, logger: false } as const;
const app = await NestFactory.create(AppModule.with(loadConfig()), new FastifyAdapter(), options);
await app.init();
const { schema } = app.get(GraphQLSchemaHost, { strict: false });
const text = await format(printSchema(schema), { ...(await resolveConfig(FILE)), parser: 'graphql' });

if (!process.argv.includes('--check')) {
  writeFileSync(FILE, text);
} else if (readFileSync(FILE, 'utf8') !== text) {
  process.stderr.write('schema.graphql is not current: run npm run graphql-schema and commit it.\n');
  process.exit(1);
}
