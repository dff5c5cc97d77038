import { settingsSchema } from './settings.ts';

/** Where the process of this environment may answer for its health: the port of the API, then that of the worker. */
export function healthPorts(env: Record<string, string | undefined> = process.env): number[] {
  const { PORT, METRICS_PORT } = settingsSchema.shape;
  return [PORT.parse(env['PORT']), METRICS_PORT.parse(env['METRICS_PORT'])];
}
