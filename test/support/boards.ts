import { Body, Controller, Delete, Get, Injectable, Module, Param, Patch, Query } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Column, CreateDateColumn, Entity, PrimaryColumn, Raw, type Repository } from 'typeorm';
import { z } from 'zod';
import { ForbiddenError } from '../../src/platform/errors/platform.errors.ts';
import { idSchema, item, page, pageQuery, text, timestampSchema } from '../../src/platform/http/schemas.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { Tag } from '../../src/platform/openapi/tag.decorator.ts';
import { Paginator } from '../../src/platform/pagination/paginator.ts';
import { CurrentUser, Public, RequirePermission } from '../../src/platform/security/access.decorators.ts';
import { definePermission, PermissionsModule, type Role } from '../../src/platform/security/permissions.ts';
import { definePolicy } from '../../src/platform/security/policy.ts';
import type { Principal } from '../../src/platform/security/principal.ts';
import { usersRead } from '../../src/users/users.permissions.ts';

// The policies and the service are the code of docs/guides/authorization.md. A test compares them.

@Entity('boards')
export class Board {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @Column('text')
  title!: string;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;
}

@Entity('articles')
export class Article {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @Column('text')
  title!: string;

  @Column('boolean')
  published!: boolean;
}

export const TABLES = `
  CREATE TABLE boards (
    id uuid PRIMARY KEY, user_id uuid NOT NULL, title text NOT NULL, created_at timestamptz(3) NOT NULL DEFAULT now()
  );
  CREATE TABLE board_members (board_id uuid NOT NULL, user_id uuid NOT NULL, PRIMARY KEY (user_id, board_id));
  CREATE TABLE articles (id uuid PRIMARY KEY, user_id uuid NOT NULL, title text NOT NULL, published boolean NOT NULL)`;

const inBoardsOf = (memberId: string) =>
  Raw((id) => `${id} IN (SELECT board_id FROM board_members WHERE user_id = :memberId)`, { memberId });

export const boardsRead = definePermission({
  name: 'boards:read',
  description: 'Read the boards of all users.',
});

export const boardPolicy = definePolicy(Board, {
  relations: {
    owner: ({ userId }) => ({ userId }),
    member: ({ userId }) => ({ id: inBoardsOf(userId) }),
  },
  actions: {
    read: ['owner', 'member', boardsRead],
    rename: ['owner', 'member'],
    delete: ['owner'],
    share: ['owner'],
  },
});

export const articlePolicy = definePolicy(Article, {
  relations: {
    owner: ({ userId }) => ({ userId }),
    // A condition instead of a function: it holds for anonymous callers too.
    reader: { published: true },
  },
  actions: {
    read: ['owner', 'reader'],
    change: ['owner'],
  },
});

const titleSchema = z.strictObject({ title: text({ min: 1, max: 100 }) }).meta({ id: 'Title' });
type Title = z.output<typeof titleSchema>;
const boardSchema = z
  .object({ id: z.string(), title: z.string(), createdAt: timestampSchema })
  .meta({ id: 'Board' });
const boardsQuerySchema = pageQuery(['createdAt'], {});
type BoardsQuery = z.output<typeof boardsQuerySchema>;
const articleSchema = z
  .object({ id: z.string(), title: z.string(), isYours: z.boolean().optional() })
  .meta({ id: 'Article' });

const countSchema = z.object({ count: z.int() }).meta({ id: 'Count' });

export const roles: Role[] = [
  { name: 'user', permissions: [] },
  { name: 'admin', permissions: 'all' },
  { name: 'support', permissions: [usersRead, boardsRead] },
];

@Injectable()
export class BoardsService {
  constructor(
    @InjectRepository(Board) private readonly boards: Repository<Board>,
    private readonly paginator: Paginator,
  ) {}

  list(query: BoardsQuery, caller: Principal) {
    const rows = boardPolicy.filter(this.boards.createQueryBuilder('board'), 'read', caller);
    return this.paginator.page(rows, { list: 'boards', page: query, filters: {} });
  }

  count(): Promise<number> {
    return this.boards.count();
  }

  get(id: string, caller: Principal): Promise<Board> {
    return boardPolicy.get('read', id, caller, this.boards.manager);
  }

  rename(id: string, { title }: Title, caller: Principal): Promise<Board> {
    return this.boards.manager.transaction(async (tx) => {
      const board = await boardPolicy.lock('rename', id, caller, tx);
      return tx.save(Board, { ...board, title });
    });
  }

  delete(id: string, caller: Principal): Promise<void> {
    return this.boards.manager.transaction(async (tx) => {
      await boardPolicy.lock('delete', id, caller, tx);
      await tx.delete(Board, { id });
    });
  }

  removeMember(id: string, memberId: string, caller: Principal): Promise<void> {
    return this.boards.manager.transaction(async (tx) => {
      // Waits for a change that this member is making, so that none follows.
      await boardPolicy.lock('share', id, caller, tx);
      await tx.query('DELETE FROM board_members WHERE board_id = $1 AND user_id = $2', [id, memberId]);
    });
  }
}

const ID = { schema: idSchema };

@Tag('Boards', 'Boards of users.')
@Controller({ path: 'boards', version: '1' })
class BoardsController {
  constructor(private readonly boards: BoardsService) {}

  @Get()
  @Endpoint({ summary: 'List boards', returns: page(boardSchema) })
  listBoards(@Query({ schema: boardsQuerySchema }) query: BoardsQuery, @CurrentUser() caller: Principal) {
    return this.boards.list(query, caller);
  }

  @Get('count')
  @RequirePermission(boardsRead)
  @Endpoint({ summary: 'Count the boards of all users', returns: item(countSchema) })
  async countBoards() {
    return { data: { count: await this.boards.count() } };
  }

  @Get(':id')
  @Endpoint({ summary: 'Get a board', returns: item(boardSchema) })
  async getBoard(@Param('id', ID) id: string, @CurrentUser() caller: Principal) {
    return { data: await this.boards.get(id, caller) };
  }

  @Patch(':id')
  @Endpoint({ summary: 'Rename a board', returns: item(boardSchema), errors: [ForbiddenError] })
  async renameBoard(
    @Param('id', ID) id: string,
    @Body({ schema: titleSchema }) body: Title,
    @CurrentUser() caller: Principal,
  ) {
    return { data: await this.boards.rename(id, body, caller) };
  }

  @Delete(':id')
  @Endpoint({ summary: 'Delete a board', errors: [ForbiddenError] })
  async deleteBoard(@Param('id', ID) id: string, @CurrentUser() caller: Principal) {
    await this.boards.delete(id, caller);
  }

  @Delete(':id/members/:memberId')
  @Endpoint({ summary: 'Remove a member', errors: [ForbiddenError] })
  async removeMember(
    @Param('id', ID) id: string,
    @Param('memberId', ID) memberId: string,
    @CurrentUser() caller: Principal,
  ) {
    await this.boards.removeMember(id, memberId, caller);
  }
}

@Tag('Articles', 'Articles of users.')
@Controller({ path: 'articles', version: '1' })
class ArticlesController {
  constructor(@InjectRepository(Article) private readonly articles: Repository<Article>) {}

  @Get(':id')
  @Public({ caller: 'optional' })
  @Endpoint({ summary: 'Get a published article', returns: item(articleSchema) })
  async getArticle(@Param('id', ID) id: string, @CurrentUser() caller: Principal | undefined) {
    const article = await articlePolicy.get('read', id, caller, this.articles.manager);
    return { data: { ...article, isYours: article.userId === caller?.userId } };
  }

  @Patch(':id')
  @Endpoint({ summary: 'Change an article', returns: item(articleSchema), errors: [ForbiddenError] })
  async changeArticle(
    @Param('id', ID) id: string,
    @Body({ schema: titleSchema }) body: Title,
    @CurrentUser() caller: Principal,
  ) {
    const article = await articlePolicy.get('change', id, caller, this.articles.manager);
    return { data: await this.articles.save({ ...article, ...body }) };
  }
}

@Module({
  imports: [
    TypeOrmModule.forFeature([Board, Article]),
    PermissionsModule.forFeature([boardsRead]),
    // The application registers the others.
    PermissionsModule.withRoles(roles.filter(({ name }) => name === 'support')),
  ],
  providers: [BoardsService],
  controllers: [BoardsController, ArticlesController],
})
export class BoardsModule {}
