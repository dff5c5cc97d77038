import { Controller, Get, Header, Param, Req, Res } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { Config } from '../config/config.ts';
import { product } from '../config/product.ts';
import { type Problem, problemText } from '../errors/app-error.ts';
import { NotFoundError } from '../errors/platform.errors.ts';
import type { Locale } from '../i18n/locales.ts';
import { Endpoint } from '../openapi/endpoint.decorator.ts';
import { listProblems } from '../openapi/endpoints.ts';
import { examples } from '../openapi/examples.ts';
import { Tag } from '../openapi/tag.decorator.ts';
import { Public } from '../security/access.decorators.ts';
import { localeOf, setContentLanguage } from './content-language.ts';
import { item, list } from './schemas.ts';

const rootSchema = z
  .object({ name: z.string(), version: z.string(), links: z.record(z.string(), z.string()) })
  .meta({ id: 'Root' })
  .register(examples, {
    'In development': {
      name: product.name,
      version: '1.0.0',
      links: {
        docs: '/docs',
        openapi: '/openapi.json',
        problems: '/problems',
        health: '/health/ready',
        jwks: '/.well-known/jwks.json',
      },
    },
  });

const problemTypeSchema = z
  .object({ code: z.string(), status: z.int(), title: z.string(), detail: z.string() })
  .meta({ id: 'ProblemType' })
  .register(examples, {
    'Malformed JSON': {
      code: 'MALFORMED_JSON',
      status: 400,
      title: 'Malformed JSON',
      detail: 'The body is not valid JSON in UTF-8. Correct the body and send it again.',
    },
  });

/** RFC 9116 recommends less than a year, so that old copies of the file expire. */
const SECURITY_TXT_DAYS = 90;
const DAY_MS = 86_400_000;

/** The entry point of the API, and the error codes: the `type` of a problem document is a URL below /problems. */
@Tag('System', 'Health, error codes and entry points.')
@Controller()
export class SystemController {
  private readonly problems: Problem[];

  constructor(
    private readonly config: Config,
    modules: ModulesContainer,
  ) {
    this.problems = listProblems(modules);
  }

  @Get()
  @Endpoint({
    summary: 'List the entry points',
    description:
      'The version of the API, and the paths of its documentation, error codes, health check and signing keys.',
    returns: item(rootSchema),
  })
  @Public()
  getApiInfo() {
    const links = {
      ...(this.config.API_DOCS && { docs: '/docs', openapi: '/openapi.json' }),
      problems: '/problems',
      health: '/health/ready',
      jwks: '/.well-known/jwks.json',
    };
    return { data: { name: product.name, version: product.version, links } };
  }

  @Get('.well-known/security.txt')
  @Endpoint({
    summary: 'Get the security contacts (RFC 9116)',
    description: 'The contacts of SECURITY_CONTACT. Without that setting it responds with 404.',
    produces: 'text/plain',
    produced: 'Contact: mailto:security@example.com\nExpires: 2027-02-27T00:00:00Z\n',
    errors: [NotFoundError],
  })
  @Public()
  @Header('cache-control', 'public, max-age=3600')
  getSecurityContacts(): string {
    if (!this.config.SECURITY_CONTACT) throw new NotFoundError();
    const [date] = new Date(Date.now() + SECURITY_TXT_DAYS * DAY_MS).toISOString().split('T');
    const lines = this.config.SECURITY_CONTACT.map((contact) => `Contact: ${contact}`);
    return [...lines, `Expires: ${date}T00:00:00Z`, ''].join('\n');
  }

  @Get('problems')
  @Endpoint({
    summary: 'List error codes',
    description:
      'Every `code` of an error response, with its status and meaning. Some are not in this document: they are sent in redirects or by other protocols.',
    returns: list(problemTypeSchema),
  })
  @Public()
  listProblems(@Req() request: FastifyRequest, @Res({ passthrough: true }) reply: FastifyReply) {
    const locale = this.setLanguage(request, reply);
    return { data: this.problems.map((problem) => ({ ...problem, ...problemText(problem, locale) })) };
  }

  @Get('problems/:code')
  @Endpoint({
    summary: 'Get an error code',
    description: 'The `type` of an error response is the URL of this request.',
    returns: item(problemTypeSchema),
  })
  @Public()
  getProblem(
    @Param('code', {
      schema: z.string().max(64).meta({ example: 'NOT_FOUND' }),
    })
    code: string,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ) {
    const problem = this.problems.find((entry) => entry.code === code);
    if (!problem) throw new NotFoundError();
    return { data: { ...problem, ...problemText(problem, this.setLanguage(request, reply)) } };
  }

  private setLanguage(request: FastifyRequest, reply: FastifyReply): Locale {
    const locale = localeOf(request, this.config.DEFAULT_LOCALE);
    setContentLanguage(reply, locale);
    return locale;
  }
}
