import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  Body,
  Controller,
  Get,
  Headers,
  Injectable,
  Module,
  Param,
  Post,
  Query,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Entity, ManyToOne, PrimaryColumn } from 'typeorm';
import { AppModule } from '../../src/app.module.ts';
import type { Config } from '../../src/platform/config/config.ts';
import { ForeignKeyCheck } from '../../src/platform/database/foreign-key-check.ts';
import { createApp } from '../../src/platform/http/create-app.ts';
import { describeApp } from '../../src/platform/openapi/document.ts';
import { Endpoint } from '../../src/platform/openapi/endpoint.decorator.ts';
import { start } from '../../src/platform/process/start.ts';
import { TestApp } from '../support/app.ts';
import { Program } from '../support/program.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

@Controller('notes')
class NotesController {
  @Get('leak')
  leakNotes(): void {}

  @Post()
  @Endpoint({ summary: 'Create a note' })
  createNote(@Body() _body: unknown): void {}

  @Get()
  @Endpoint({ summary: 'List notes' })
  listNotes(@Query() _query: unknown): void {}

  @Get('search')
  @Endpoint({ summary: 'Search notes' })
  searchNotes(@Query('text') _text: string): void {}

  @Get(':id')
  @Endpoint({ summary: 'Get a note' })
  getNote(@Param('id') _id: string): void {}

  @Get('devices')
  @Endpoint({ summary: 'List devices' })
  listDevices(@Headers('x-device') _device: string): void {}
}

@Module({})
class NotesModule {}

const FAULTS = [
  'NotesController.leakNotes() is a route handler without @Endpoint: add @Endpoint({ summary, … }) to it.',
  'NotesController.createNote() takes @Body() without a schema: write @Body({ schema: … }).',
  'NotesController.listNotes() takes @Query() without a schema: write @Query({ schema: … }).',
  "NotesController.searchNotes() takes @Query('text') without a schema: write @Query('text', { schema: … }).",
  "NotesController.getNote() takes @Param('id') without a schema: write @Param('id', { schema: … }).",
  "NotesController.listDevices() takes @Headers('x-device'), which Nest does not validate: write @RequestHeader('x-device', schema).",
];

const withRoutes = (controller: Type) => ({
  module: NotesModule,
  imports: [AppModule.with(app.config)],
  controllers: [controller],
});

describe('a route that is not described or takes input without a schema', () => {
  it('stops the start, with one sentence per handler', async () => {
    const starting = createApp(withRoutes(NotesController), app.config);

    await expect(starting).rejects.toThrow(FAULTS.join('\n'));
  });

  it('fails the check that writes openapi.json', async () => {
    await expect(describeApp(withRoutes(NotesController))).rejects.toThrow(FAULTS.join('\n'));
  });
});

describe('a foreign key without an index', () => {
  beforeAll(() =>
    app.db.query('CREATE TABLE notes (id uuid PRIMARY KEY, user_id uuid REFERENCES users (id))'),
  );

  const startProgram = async (name: 'main' | 'worker', settings: Record<string, string>) => {
    const { DATABASE_URL, JWT_KEYS_DIR, MAIL_DIR } = app.config;
    return Program.start(name, { NODE_ENV: 'test', DATABASE_URL, JWT_KEYS_DIR, MAIL_DIR, ...settings });
  };

  it.each(['main', 'worker'] as const)('stops the start of %s.js', async (name) => {
    const program = await startProgram(name, { NODE_ENV: 'development' });

    expect(await program.exited).toEqual({ code: 1, signal: null });
    expect(program.output).toContain(
      'The foreign key notes_user_id_fkey has no index, so each delete in users scans notes: create an index on notes (user_id) in its migration.',
    );
    expect(program.output).not.toMatch(/\n +at /);
  });

  it('does not stop the start in production', async () => {
    const config = { ...app.config, NODE_ENV: 'production' } as Config;

    await expect(new ForeignKeyCheck(app.db, config).onModuleInit()).resolves.toBeUndefined();
  });
});

@Entity('folders')
class Folder {
  @PrimaryColumn('uuid')
  id!: string;
}

@Entity('notes')
class Note {
  @PrimaryColumn('uuid')
  id!: string;

  @ManyToOne(() => Folder)
  folder!: Folder;
}

class FoldersService {
  readonly name = 'folders';
}

@Injectable()
class NotesService {
  constructor(readonly folders: FoldersService) {}
}

describe('a module that is not imported', () => {
  afterEach(() => void jest.restoreAllMocks());

  /** What the program prints when its start fails. */
  const printed = async (program: () => Promise<unknown>) => {
    const output: string[] = [];
    const collect = (text: unknown): boolean => output.push(String(text)) > 0;
    jest.spyOn(process.stderr, 'write').mockImplementation(collect);
    jest.spyOn(process, 'exit').mockImplementation(() => undefined as never);
    await start(async () => void (await program()));
    return output.join('');
  };

  it('is named with the provider that needs it', async () => {
    const module = { module: NotesModule, providers: [NotesService] };

    const output = await printed(() =>
      NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }),
    );

    expect(output).toMatch(/^Nest can't resolve dependencies of the NotesService \(\?\)\..*FoldersService/);
    expect(output).not.toMatch(/\n +at /);
  });

  // Last, because TypeORM keeps registered entities for all later applications of this file.
  it('is named by the entity that refers to its entity, without attempts to connect', async () => {
    const module = {
      module: NotesModule,
      imports: [AppModule.with(app.config), TypeOrmModule.forFeature([Note])],
    };

    const output = await printed(() => createApp(module, app.config));

    expect(output).toBe(
      'Note.folder refers to the entity Folder, which no module of this process registers: import the module that has TypeOrmModule.forFeature([Folder]).\n',
    );
  });
});
