import { Injectable, Module } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import { z } from 'zod';
import { defineMail, type MailText } from '../../src/mail/mail-template.ts';
import { MailModule } from '../../src/mail/mail.module.ts';
import { MailService } from '../../src/mail/mail.service.ts';
import type { Translated } from '../../src/platform/i18n/locales.ts';
import { UsersModule } from '../../src/users/users.module.ts';
import { UsersService } from '../../src/users/users.service.ts';

// The code of docs/guides/send-a-mail.md, in one file. A test compares them.

// cspell:disable
export const de: typeof en = {
  newComments: (title, count) => ({
    subject: `Neue Kommentare zu ${title}`,
    paragraphs: [
      `Ihr Lesezeichen „${title}“ hat ${count} ${count === 1 ? 'neuen Kommentar' : 'neue Kommentare'}.`,
    ],
    action: 'Kommentare lesen',
  }),
};
// cspell:enable

export const en = {
  newComments: (title: string, count: number): MailText => ({
    subject: `New comments on ${title}`,
    paragraphs: [`Your bookmark “${title}” has ${count} new ${count === 1 ? 'comment' : 'comments'}.`],
    action: 'Read the comments',
  }),
};

export const bookmarksTexts: Translated<typeof en> = { en, de };

export const newCommentsMail = defineMail({
  name: 'bookmark-new-comments',
  data: z.object({ bookmarkId: z.guid(), title: z.string().max(100), count: z.int().min(1) }),
  text: ({ title, count }, locale) => bookmarksTexts[locale].newComments(title, count),
  link: ({ bookmarkId }) => `/bookmarks/${bookmarkId}`,
});

interface NewComments {
  bookmarkId: string;
  title: string;
  count: number;
}

@Injectable()
export class BookmarkCommentsService {
  constructor(
    private readonly mail: MailService,
    private readonly users: UsersService,
  ) {}

  async report({ bookmarkId, title, count }: NewComments, ownerId: string, tx: EntityManager): Promise<void> {
    const owner = await this.users.find(ownerId, tx);
    if (!owner) return;
    await this.mail.send({ template: newCommentsMail, to: owner, data: { bookmarkId, title, count } }, tx);
  }
}

@Module({
  imports: [MailModule.forFeature([newCommentsMail]), UsersModule],
  providers: [BookmarkCommentsService],
})
export class BookmarkMailsModule {}
