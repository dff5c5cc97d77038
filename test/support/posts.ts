import { Controller, Get, Injectable, Module, Query } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { randomUUIDv7 } from 'node:crypto';
import {
  Column,
  CreateDateColumn,
  Entity,
  type EntityManager,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  type Relation,
  type Repository,
} from 'typeorm';
import { z } from 'zod';
import { insertIfAbsent } from '../../src/platform/database/insert-if-absent.ts';
import { countRelated, loadRelated } from '../../src/platform/database/many-rows.ts';
import { TooManyMatchesError } from '../../src/platform/errors/platform.errors.ts';
import {
  idSchema,
  page as pageOf,
  pageNumberSchema,
  pageQuery,
  text,
  timestampSchema,
} from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { Paginator } from '../../src/platform/pagination/paginator.ts';
import { TextSearch } from '../../src/platform/pagination/text-search.ts';

// The schemas and the service are the code of docs/guides/lists.md. A test compares them.

@Entity('topics')
export class Topic {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('text')
  name!: string;
}

@Entity('posts')
export class Post {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  topicId!: string;

  @ManyToOne(() => Topic)
  @JoinColumn({ name: 'topic_id' })
  topic!: Topic;

  @OneToMany(() => Comment, (comment) => comment.post)
  comments?: Relation<Comment>[];

  @Column('text')
  title!: string;

  @Column({ type: 'timestamptz', precision: 3, nullable: true })
  publishedAt!: Date | null;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}

@Entity('comments')
export class Comment {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  postId!: string;

  @ManyToOne(() => Post, (post) => post.comments)
  @JoinColumn({ name: 'post_id' })
  post?: Post;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}

export const TABLES = `
  CREATE TABLE topics (id uuid PRIMARY KEY, name text NOT NULL CONSTRAINT topics_name_key UNIQUE);
  CREATE TABLE posts (
    id uuid PRIMARY KEY, topic_id uuid NOT NULL REFERENCES topics, title text NOT NULL,
    published_at timestamptz(3), created_at timestamptz(3) NOT NULL DEFAULT now()
  );
  CREATE TABLE comments (
    id uuid PRIMARY KEY, post_id uuid NOT NULL REFERENCES posts, created_at timestamptz(3) NOT NULL DEFAULT now()
  );
  CREATE INDEX posts_created_at_idx ON posts (created_at, id);`;

const topicSchema = z.object({ id: z.string(), name: z.string() });
const postSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    topic: topicSchema,
    publishedAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
    latestComments: z.array(z.object({ id: z.string(), createdAt: timestampSchema })),
    commentCount: z.int(),
  })
  .meta({ id: 'Post' });

const foundPostSchema = z.object({ id: z.string(), title: z.string() });

export const postsQuerySchema = pageQuery(['createdAt', 'publishedAt', 'topic', 'comments'], {
  topicId: idSchema.optional(),
  page: pageNumberSchema,
});
export type PostsQuery = z.output<typeof postsQuerySchema>;

export const postSearchSchema = pageQuery(['relevance', 'createdAt'], { q: text({ min: 1, max: 100 }) });
export type PostSearch = z.output<typeof postSearchSchema>;

const search = new TextSearch([{ text: 'lower(post.title)' }]);
const matchSorts = search.sorts({ createdAt: { value: 'post.createdAt', nullable: false } });

@Injectable()
export class PostsService {
  constructor(
    @InjectRepository(Post) private readonly posts: Repository<Post>,
    @InjectRepository(Comment) private readonly comments: Repository<Comment>,
    private readonly paginator: Paginator,
  ) {}

  list({ topicId, ...page }: PostsQuery) {
    const rows = this.posts
      .createQueryBuilder('post')
      .innerJoinAndSelect('post.topic', 'topic')
      .where({ ...(topicId && { topicId }) });
    if (page.sort.endsWith('comments'))
      rows.leftJoin('post.comments', 'comment').groupBy('post.id').addGroupBy('topic.id');
    return this.paginator.page(rows, {
      list: 'posts',
      page,
      filters: { topicId },
      sorts: {
        topic: { value: 'topic.name', nullable: false },
        comments: { value: 'count(comment.id)', nullable: false },
      },
    });
  }

  async search({ q, ...page }: PostSearch) {
    const rows = this.posts.createQueryBuilder('post');
    await search.filter(rows, q);
    return this.paginator.page(rows, { list: 'post-search', page, filters: { q }, sorts: matchSorts });
  }

  /** The latest comments of posts, for a page or for a loader of GraphQL. */
  loadComments(postIds: string[]): Promise<Map<string, Comment[]>> {
    const rows = this.comments.createQueryBuilder('comment');
    return loadRelated(rows, { parent: 'postId', parentIds: postIds, sort: '-createdAt', limit: 3 });
  }

  countComments(postIds: string[]): Promise<Map<string, number>> {
    return countRelated(this.comments.createQueryBuilder('comment'), 'postId', postIds);
  }

  async listWithComments(query: PostsQuery) {
    const page = await this.list(query);
    const ids = page.data.map(({ id }) => id);
    const [comments, counts] = await Promise.all([this.loadComments(ids), this.countComments(ids)]);
    const data = page.data.map((post) => ({
      ...post,
      latestComments: comments.get(post.id)!,
      commentCount: counts.get(post.id)!,
    }));
    return { ...page, data };
  }

  /** The topic with this name, which is created if there is none. */
  async useTopic(name: string, tx: EntityManager): Promise<{ topic: Topic; isNew: boolean }> {
    const find = () => tx.findOneBy(Topic, { name });
    const { row, isNew } = await insertIfAbsent(Topic, { id: randomUUIDv7(), name }, find, tx);
    return { topic: row, isNew };
  }
}

@Tag('Posts', 'Posts of the guide.')
@Controller({ path: 'posts', version: '1' })
class PostsController {
  constructor(private readonly posts: PostsService) {}

  @Get()
  @Endpoint({ summary: 'List posts', returns: pageOf(postSchema) })
  listPosts(@Query({ schema: postsQuerySchema }) query: PostsQuery) {
    return this.posts.listWithComments(query);
  }

  @Get('search')
  @Endpoint({
    summary: 'Search posts',
    returns: pageOf(foundPostSchema),
    errors: [TooManyMatchesError],
  })
  searchPosts(@Query({ schema: postSearchSchema }) query: PostSearch) {
    return this.posts.search(query);
  }
}

@Module({
  imports: [TypeOrmModule.forFeature([Topic, Post, Comment])],
  providers: [PostsService],
  controllers: [PostsController],
})
export class PostsModule {}
