import { Controller, Get } from '@nestjs/common';
import { problemsIn } from '../../src/platform/errors/app-error.ts';
import { LimitReachedError } from '../../src/platform/errors/platform.errors.ts';
import { localize } from '../../src/platform/i18n/locales.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Public } from '../../src/platform/security/access.decorators.ts';
import { bookmarksTexts, problems as de } from './bookmark-texts.ts';

// The errors of docs/guides/add-a-language.md. A test compares them.

const defineProblem = problemsIn({ de });

export class BookmarkBrokenError extends defineProblem(
  409,
  'BOOKMARK_BROKEN',
  'Bookmark broken',
  'The page does not respond any more. Change the URL.',
) {}

/** Returns each error. */
@Public()
@Controller({ path: 'bookmark-errors', version: '1' })
export class BookmarkErrorsController {
  @Get('broken')
  @Endpoint({ summary: 'Open a broken bookmark', errors: [BookmarkBrokenError] })
  getBroken() {
    throw new BookmarkBrokenError();
  }

  @Get('too-many')
  @Endpoint({ summary: 'Add one bookmark too many', errors: [LimitReachedError] })
  getTooMany() {
    throw new LimitReachedError({ detail: localize(bookmarksTexts, (texts) => texts.tooMany(1_000)) });
  }
}
