import { z } from 'zod';
import type { Translated } from './locales.ts';
import { de } from './platform.de.ts';

export const en = {
  /** The messages of Zod for its own checks. */
  zod: z.locales.en().localeError,
  moreFields: (count: number) => `${count} more fields are not listed.`,
  unknownProperty: 'The property is unknown.',
  unknownParameter: 'The parameter is unknown.',
  expectedOneOf: (values: Iterable<string>) => `Expected one of: ${[...values].join(', ')}.`,
  invalidText: 'The text contains NUL or invalid Unicode.',
  invalidName: 'The name must be one line with at least one visible character.',
  pageTooFar: (max: number) =>
    `Page numbers reach the first ${max} rows. Continue with the cursor of the last page, or add a filter.`,
  pageAndCursor: 'Send either `page` or `cursor`.',
  severalVersions: 'If-Match lists several versions. Send one.',
  compressedBody: 'Compressed bodies are not supported. Send the body without Content-Encoding.',
  wrongMediaType: (sent: string, expected: string) =>
    `This route does not accept ${sent}. Set the content type to ${expected}.`,
  tooDeep: (max: number) => `The body has more than ${max} nested levels.`,
  tooManyValues: (max: number) => `The body has more than ${max} values.`,
  protoKey: 'The key "__proto__" is not allowed.',
  visibleButForbidden: 'You may see this resource, but not do this with it.',
};

export const platformTexts: Translated<typeof en> = { en, de };
