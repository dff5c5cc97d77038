import { Controller, Get, Injectable, Module, Query } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import {
  Column,
  CreateDateColumn,
  Entity,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  type Relation,
  type Repository,
} from 'typeorm';
import { z } from 'zod';
import { idSchema, page, pageQuery, timestampSchema } from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { Paginator } from '../../src/platform/pagination/paginator.ts';

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
}

export const TABLES = `
  CREATE TABLE topics (id uuid PRIMARY KEY, name text NOT NULL);
  CREATE TABLE posts (
    id uuid PRIMARY KEY, topic_id uuid NOT NULL REFERENCES topics, title text NOT NULL,
    published_at timestamptz(3), created_at timestamptz(3) NOT NULL DEFAULT now()
  );
  CREATE TABLE comments (id uuid PRIMARY KEY, post_id uuid NOT NULL REFERENCES posts);
  CREATE INDEX posts_created_at_idx ON posts (created_at, id);
  CREATE INDEX comments_post_id_idx ON comments (post_id)`;

const topicSchema = z.object({ id: z.string(), name: z.string() });
const postSchema = z
  .object({
    id: z.string(),
    title: z.string(),
    topic: topicSchema,
    publishedAt: timestampSchema.nullable(),
    createdAt: timestampSchema,
  })
  .meta({ id: 'Post' });

export const postsQuerySchema = pageQuery(['createdAt', 'publishedAt', 'topic', 'comments'], {
  topicId: idSchema.optional(),
});
export type PostsQuery = z.output<typeof postsQuerySchema>;

@Injectable()
export class PostsService {
  constructor(
    @InjectRepository(Post) private readonly posts: Repository<Post>,
    private readonly paginator: Paginator,
  ) {}

  list({ topicId, ...query }: PostsQuery) {
    const rows = this.posts
      .createQueryBuilder('post')
      .innerJoinAndSelect('post.topic', 'topic')
      .where({ ...(topicId && { topicId }) });
    if (query.sort.endsWith('comments'))
      rows.leftJoin('post.comments', 'comment').groupBy('post.id').addGroupBy('topic.id');
    return this.paginator.page(rows, {
      list: 'posts',
      page: query,
      filters: { topicId },
      sorts: {
        topic: { value: 'topic.name', nullable: false },
        comments: { value: 'count(comment.id)', nullable: false },
      },
    });
  }
}

@Tag('Posts', 'Posts of the guide.')
@Controller({ path: 'posts', version: '1' })
class PostsController {
  constructor(private readonly posts: PostsService) {}

  @Get()
  @Endpoint({ summary: 'List posts', returns: page(postSchema) })
  listPosts(@Query({ schema: postsQuerySchema }) query: PostsQuery) {
    return this.posts.list(query);
  }
}

@Module({
  imports: [TypeOrmModule.forFeature([Topic, Post, Comment])],
  providers: [PostsService],
  controllers: [PostsController],
})
export class PostsModule {}
