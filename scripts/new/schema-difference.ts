import { existsSync, globSync } from 'node:fs';
import pg from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { UsageError } from '../usage-error.ts';
import { plainSql, type Statement } from './schema-steps.ts';

type Options = (config: object, role: 'migrate', entities: unknown[]) => DataSourceOptions;

/**
 * The statements for everything that the entities describe and no migration creates. Migrates an empty database on the
 * given server, so the data and the state of the database of bin/dev don't matter.
 */
export async function schemaDifference(serverUrl: string): Promise<Statement[]> {
  const name = `schema_difference_${process.pid}`;
  const server = new pg.Client({ connectionString: serverUrl });
  await server.connect();
  try {
    await server.query(`CREATE DATABASE ${name} TEMPLATE template0`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return await difference(url.href);
  } finally {
    await server.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await server.end();
  }
}

async function difference(url: string): Promise<Statement[]> {
  const db = new DataSource(await optionsOf(url));
  await db.initialize();
  try {
    await db.runMigrations({ transaction: 'each' });
    const { upQueries, downQueries } = await db.driver.createSchemaBuilder().log();
    if (upQueries.length !== downQueries.length)
      throw new UsageError('TypeORM has no way back for this change: write the migration by hand.');
    return upQueries.map(({ query }, index) => ({
      up: plainSql(query),
      down: plainSql(downQueries[index]!.query),
    }));
  } finally {
    await db.destroy();
  }
}

async function optionsOf(url: string): Promise<DataSourceOptions> {
  const load = (path: string) => import(new URL(`../../dist/${path}`, import.meta.url).href);
  // The compiler keeps the files of earlier builds.
  const files = globSync('src/**/*.entity.js', { cwd: 'dist' }).filter((path) =>
    existsSync(path.replace(/\.js$/, '.ts')),
  );
  const exported: object[] = await Promise.all(files.map(load));
  const entities = exported.flatMap((file) => Object.values(file).filter((one) => typeof one === 'function'));
  const [{ loadConfig }, { dataSourceOptions }] = (await Promise.all([
    load('src/platform/config/config.js'),
    load('src/platform/database/data-source.js'),
  ])) as [{ loadConfig: (path: undefined, env: object) => object }, { dataSourceOptions: Options }];
  const config = loadConfig(undefined, { NODE_ENV: 'test', DATABASE_URL: url });
  return dataSourceOptions(config, 'migrate', entities);
}
