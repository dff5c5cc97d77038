import { Body, Controller, Get, Param, Put } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { ErrorFormsModule } from '../../src/platform/errors/error-forms.ts';
import { NotFoundError } from '../../src/platform/errors/platform.errors.ts';
import { text } from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
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

const articleSchema = z.object({ slug: z.string(), title: z.string() }).meta({ id: 'Article' });
const envelope = z.object({ article: articleSchema });
const slug = z.string().max(100);

@ApiTags('Articles')
@Controller('api/articles')
export class ArticlesController {
  @Get(':slug')
  @Public()
  @Endpoint({ summary: 'Get an article', returns: envelope })
  getArticle(@Param('slug', { schema: slug }) wanted: string) {
    if (wanted !== 'first') throw new NotFoundError();
    return { article: { slug: 'first', title: 'First', secret: 'x' } };
  }

  @Put(':slug')
  @Endpoint({ summary: 'Replace an article', returns: envelope })
  replaceArticle(
    @Param('slug', { schema: slug }) own: string,
    @Body({ schema: z.strictObject({ title: text({ min: 1, max: 50 }) }).meta({ id: 'NewArticle' }) })
    body: { title: string },
  ) {
    return { article: { slug: own, ...body } };
  }
}
