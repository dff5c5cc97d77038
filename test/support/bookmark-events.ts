import { Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Entity, type EntityManager, PrimaryColumn } from 'typeorm';
import { z } from 'zod';
import { DomainEventsModule } from '../../src/platform/events/domain-events.module.ts';
import { defineEvent, DomainEvents } from '../../src/platform/events/domain-events.ts';
import { examples, sample } from '../../src/platform/openapi/examples.ts';

// The code of docs/guides/add-an-event.md, in one file. A test compares them.

/** As in docs/guides/add-a-feature.md. */
const bookmarkSchema = z
  .object({ id: z.string(), url: z.string().max(500) })
  .meta({ id: 'CreatedBookmark' })
  .register(examples, { 'A bookmark': { id: sample.id, url: 'https://example.com' } });

export const bookmarkCreated = defineEvent({
  type: 'bookmark.created',
  summary: 'A bookmark was created.',
  data: bookmarkSchema,
  isPublic: true,
});

@Injectable()
export class BookmarkEventsService {
  constructor(private readonly events: DomainEvents) {}

  async created(bookmark: z.input<typeof bookmarkSchema>, userId: string, tx: EntityManager): Promise<void> {
    await this.events.emit(bookmarkCreated, { userId, data: bookmark }, tx);
  }
}

@Module({
  imports: [DomainEventsModule.forFeature([bookmarkCreated])],
  providers: [BookmarkEventsService],
})
export class BookmarkEventsModule {}

@Entity('bookmark_previews')
export class BookmarkPreview {
  @PrimaryColumn('uuid')
  bookmarkId!: string;
}

/** Another feature, which reacts to the event. */
@Injectable()
export class BookmarkPreviewsService implements OnModuleInit {
  constructor(private readonly events: DomainEvents) {}

  onModuleInit(): void {
    this.events.on(bookmarkCreated, async ({ data }, tx) => {
      await tx.insert(BookmarkPreview, { bookmarkId: data.id });
    });
  }
}

@Module({ imports: [TypeOrmModule.forFeature([BookmarkPreview])], providers: [BookmarkPreviewsService] })
export class BookmarkPreviewsModule {}
