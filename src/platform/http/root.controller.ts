import { Controller, Get } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Config } from '../config/config.ts';
import { version } from '../config/version.ts';
import { Endpoint } from '../openapi/endpoint.decorator.ts';
import { Public } from '../security/access.decorators.ts';
import { item } from './schemas.ts';

const rootSchema = z
  .object({ name: z.string(), version: z.string(), links: z.record(z.string(), z.string()) })
  .meta({ id: 'Root' });

@ApiTags('System')
@Controller()
export class RootController {
  constructor(private readonly config: Config) {}

  @Get()
  @Endpoint({ summary: 'What this is, and where to go from here', returns: item(rootSchema) })
  @Public()
  getApiInfo() {
    const links = {
      ...(this.config.API_DOCS && { docs: '/docs', openapi: '/openapi.json' }),
      problems: '/problems',
      health: '/health/ready',
      jwks: '/.well-known/jwks.json',
    };
    return { data: { name: 'reference', version, links } };
  }
}
