import { Controller, Get, Param } from '@nestjs/common';
import { z } from 'zod';
import { item, list } from './schemas.ts';
import { Endpoint } from '../openapi/endpoint.decorator.ts';
import { Public } from '../security/access.decorators.ts';
import { allProblems } from '../errors/app-error.ts';
import { NotFoundError } from '../errors/platform.errors.ts';

const catalogueEntrySchema = z
  .object({ code: z.string(), status: z.int(), title: z.string() })
  .meta({ id: 'ProblemType' });

/** What the `type` of a problem leads to. */
@Controller('problems')
export class ProblemsController {
  @Get()
  @Endpoint({ summary: 'Every error code there is', returns: list(catalogueEntrySchema) })
  @Public()
  list() {
    return { data: allProblems() };
  }

  @Get(':code')
  @Endpoint({ summary: 'What one error code means', returns: item(catalogueEntrySchema) })
  @Public()
  get(@Param('code', { schema: z.string().max(64) }) code: string) {
    const problem = allProblems().find((entry) => entry.code === code);
    if (!problem) throw new NotFoundError();
    return { data: problem };
  }
}
