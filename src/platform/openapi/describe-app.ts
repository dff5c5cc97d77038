import { VersioningType } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createDocument } from './document.ts';

/** The OpenAPI document of the application, made without starting any part of it. */
export async function describeApp(root: object) {
  const app = await NestFactory.create(root as never, new FastifyAdapter(), { preview: true, logger: false });
  app.enableVersioning({ type: VersioningType.URI });
  return createDocument(app);
}
