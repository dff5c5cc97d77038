import { Controller, Get, Param } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import type { Problem } from '../errors/app-error.ts';
import { NotFoundError } from '../errors/platform.errors.ts';
import { Endpoint } from '../openapi/endpoint.decorator.ts';
import { listProblems } from '../openapi/endpoints.ts';
import { Public } from '../security/access.decorators.ts';
import { item, list } from './schemas.ts';

const problemTypeSchema = z
  .object({ code: z.string(), status: z.int(), title: z.string(), detail: z.string() })
  .meta({ id: 'ProblemType' });

/** The documentation of error codes: where the `type` of a problem document points. */
@ApiTags('System')
@Controller('problems')
export class ProblemsController {
  private readonly problems: Problem[];

  constructor(modules: ModulesContainer) {
    this.problems = listProblems(modules);
  }

  @Get()
  @Endpoint({ summary: 'List error codes', returns: list(problemTypeSchema) })
  @Public()
  listProblems() {
    return { data: this.problems };
  }

  @Get(':code')
  @Endpoint({ summary: 'Get an error code', returns: item(problemTypeSchema) })
  @Public()
  getProblem(@Param('code', { schema: z.string().max(64) }) code: string) {
    const problem = this.problems.find((entry) => entry.code === code);
    if (!problem) throw new NotFoundError();
    return { data: problem };
  }
}
