import { Controller, Get, Param, Version } from '@nestjs/common';
import { z } from 'zod';
import { NotFoundError } from '../../src/platform/errors/platform.errors.ts';
import { idSchema, item } from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';

const bookmarkSchema = z
  .object({ id: z.string(), url: z.string(), tags: z.array(z.string()) })
  .meta({ id: 'BookmarkV2' });

const bookmarkV1Schema = bookmarkSchema.extend({ tags: z.string() }).meta({ id: 'Bookmark' });

const BOOKMARK = {
  id: '01890a5d-ac96-774b-bcce-b302099a8057',
  url: 'https://example.com',
  tags: ['news', 'daily'],
};

/** The example of docs/guides/api.md: two versions of one route. */
@Tag('Bookmarks', 'URLs that a user keeps.')
@Controller({ path: 'bookmarks', version: '1' })
export class BookmarksController {
  @Get(':id')
  @Version('2')
  @Endpoint({ summary: 'Get a bookmark', returns: item(bookmarkSchema) })
  getBookmarkV2(@Param('id', { schema: idSchema }) id: string) {
    return { data: find(id) };
  }

  @Get(':id')
  @Endpoint({
    summary: 'Get a bookmark with its tags as text',
    returns: item(bookmarkV1Schema),
    deprecated: { since: '2026-12-01', sunset: '2027-06-01', successor: '/v2/bookmarks/{id}' },
  })
  getBookmark(@Param('id', { schema: idSchema }) id: string) {
    const bookmark = find(id);
    return { data: { ...bookmark, tags: bookmark.tags.join(',') } };
  }
}

function find(id: string) {
  if (id !== BOOKMARK.id) throw new NotFoundError();
  return BOOKMARK;
}
