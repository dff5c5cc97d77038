import { ModulesContainer } from '@nestjs/core';
import { start as startRepl } from 'node:repl';
import { DataSource } from 'typeorm';
import { AppModule } from './app.module.ts';
import { loadKeys } from './auth/keys/key-ring.ts';
import { Config, loadConfig } from './platform/config/config.ts';
import { createApp } from './platform/http/create-app.ts';
import { requireDatabase } from './platform/process/require-database.ts';
import { start } from './platform/process/start.ts';

/** The services of Nest, which the console hides: those of Nest's modules, and those that it adds to every module. */
const NEST_MODULES = /^(InternalCore|GraphQL\w*|TypeOrm\w*|Discovery)Module$/;
const HIDDEN = ['ModuleRef', 'ApplicationConfig'];

/**
 * A console with the services of the API: `await usersService.get(id)`. It serves no port and runs no jobs. Nest's own
 * `repl()` can't start modules with routes, because it creates no HTTP adapter.
 */
await start(async () => {
  const config = new Config({ ...loadConfig(loadKeys), LOG_LEVEL: 'warn' });
  await requireDatabase(config);
  const app = await createApp(AppModule.with(config), config);
  await app.init();
  const services = servicesOf(app.get(ModulesContainer));
  const names = Object.keys(services).toSorted().join(', ');
  process.stdout.write(
    `Services: ${names}\nAlso: db (the DataSource), app, config. \`await\` works. .exit ends.\n`,
  );
  const server = startRepl({ prompt: '> ' });
  Object.assign(server.context, services, { app, config, db: app.get(DataSource) });
  server.once('exit', () => void app.close().finally(() => process.exit(0)));
});

/** The providers that are classes, by their name in camelCase. */
function servicesOf(modules: ModulesContainer): Record<string, object> {
  const wrappers = [...modules.values()]
    .filter(({ name }) => !NEST_MODULES.test(name))
    .flatMap(({ providers }) => [...providers.values()]);
  const services: Record<string, object> = {};
  for (const { token, instance } of wrappers) {
    if (typeof token !== 'function' || !instance) continue;
    const { name } = token;
    if (!name.endsWith('Module') && !HIDDEN.includes(name)) services[camelCase(name)] = instance;
  }
  return services;
}

function camelCase(name: string): string {
  return name[0]!.toLowerCase() + name.slice(1);
}
