import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { z } from 'zod';
import { ErrorFormsModule } from '../../src/platform/errors/error-forms.ts';
import { NotFoundError } from '../../src/platform/errors/platform.errors.ts';
import { text } from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { examples } from '../../src/platform/openapi/examples.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { Public } from '../../src/platform/security/access.decorators.ts';

/* The example of docs/guides/api.md: an API under /api that keeps the contract of an older one. */

export const oldErrors = ErrorFormsModule.forFeature([
  {
    prefix: '/api',
    mediaType: 'application/json; charset=utf-8',
    schema: z.object({ errors: z.object({ body: z.array(z.string()) }) }).meta({ id: 'OldErrors' }),
    body: (error, { locale }) => {
      const fields = error.extras.details?.map(({ path, message }) => `${path} ${message}`);
      return JSON.stringify({ errors: { body: fields ?? [error.textIn(locale).detail] } });
    },
  },
]);

const first = { slug: 'first', title: 'First' };
const articleSchema = z
  .object({ slug: z.string(), title: z.string() })
  .meta({ id: 'Article' })
  .register(examples, { Article: first });
const articlesSchema = z.array(articleSchema).register(examples, { Articles: [first] });
const envelope = z.object({ article: articleSchema }).register(examples, { Article: { article: first } });
const newArticleSchema = z
  .strictObject({ title: text({ min: 1, max: 50 }) })
  .meta({ id: 'NewArticle' })
  .register(examples, { 'New title': { title: 'First' } });
const slugSchema = text({ min: 1, max: 100 });

@Tag('Articles', 'The articles of an older API.')
@Controller('api/articles')
export class ArticlesController {
  @Get()
  @Public()
  @Endpoint({ summary: 'List articles', returns: articlesSchema })
  listArticles() {
    return [{ ...first, secret: 'x' }];
  }

  @Get(':slug')
  @Public()
  @Endpoint({ summary: 'Get an article', returns: envelope })
  getArticle(@Param('slug', { schema: slugSchema }) slug: string) {
    return { article: find(slug) };
  }

  @Put(':slug')
  @Endpoint({ summary: 'Replace an article', returns: envelope })
  replaceArticle(
    @Param('slug', { schema: slugSchema }) slug: string,
    @Body({ schema: newArticleSchema }) body: { title: string },
  ) {
    return { article: { ...find(slug), ...body } };
  }
}

function find(slug: string) {
  if (slug !== 'first') throw new NotFoundError();
  return { ...first, secret: 'x' };
}
