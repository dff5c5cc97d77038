import { developmentSecretKeys } from './development-secrets.ts';
import { combinedFaults } from './setting-checks.ts';
import { addDependentDefaults, settingsSchema, type Settings } from './settings.ts';

/** The settings of this process: inject it and read `config.PORT`. settings.ts describes each one. */
// eslint-disable-next-line typescript/no-unsafe-declaration-merging
export class Config {
  constructor(settings: Settings) {
    Object.assign(this, settings);
    Object.freeze(this);
  }
}
// Merged with the class, so that one name is the injection token and has a property for each setting.
export interface Config extends Readonly<Settings> {}

/** The reason why a program can't start, for the operator. Printed without a stack. */
export class StartupError extends Error {}

/** Lists all faults of the settings, without values, because they may be secrets. */
export class ConfigError extends StartupError {
  constructor(readonly faults: string[]) {
    super(`Settings are missing or invalid:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
  }
}

/**
 * Throws a ConfigError with all faults. `check` finds faults outside the environment, for example in key files, so that
 * they are listed with the others.
 */
export function loadConfig(
  check: (config: Config) => unknown = () => undefined,
  env: Record<string, string | undefined> = process.env,
): Config {
  const parsed = settingsSchema.safeParse(env);
  const faults = parsed.success
    ? combinedFaults(parsed.data)
    : [
        ...parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${describe(issue)}`),
        ...faultsOfOtherChecks(env, check),
      ];
  const config = parsed.success
    ? new Config(addDevelopmentSecret(addDependentDefaults(parsed.data)))
    : undefined;
  if (config) faults.push(...faultsOf(() => check(config)));
  if (!config || faults.length > 0) throw new ConfigError([...new Set(faults)]);
  return config;
}

/** The ports that may serve the health of this container: that of the API, then that of the worker. */
export function healthPorts(env: Record<string, string | undefined> = process.env): number[] {
  const { PORT, METRICS_PORT } = settingsSchema.shape;
  return [PORT.parse(env['PORT']), METRICS_PORT.parse(env['METRICS_PORT'])];
}

function addDevelopmentSecret(settings: Settings): Settings {
  const needsSecret = settings.SECRET_KEYS.length === 0 && settings.NODE_ENV !== 'production';
  return needsSecret ? { ...settings, SECRET_KEYS: developmentSecretKeys(settings.JWT_KEYS_DIR) } : settings;
}

function faultsOf(check: () => unknown): string[] {
  try {
    check();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
}

/** Messages of Zod may contain the received value, which may be a secret. */
function describe(issue: { code: string; message: string; input?: unknown; expected?: unknown }): string {
  if (issue.code === 'invalid_type') return 'is missing or of the wrong type';
  if (issue.code === 'custom') return issue.message;
  return issue.message.replace(/, received .*$/i, '');
}

/** The faults of the other checks when a setting is invalid, so that one run lists all faults. */
function faultsOfOtherChecks(
  env: Record<string, string | undefined>,
  check: (config: Config) => unknown,
): string[] {
  const valid = Object.entries(settingsSchema.shape).map(([name, schema]) => {
    const result = schema.safeParse(env[name]);
    return [name, result.success ? result.data : 'invalid'];
  });
  const settings = Object.fromEntries(valid) as Parameters<typeof combinedFaults>[0];
  if (typeof settings.SECRET_KEYS === 'string') settings.SECRET_KEYS = [];
  // Outside production, the check would create keys for an environment that is rejected.
  const isProduction = settings.NODE_ENV === 'production';
  return [
    ...combinedFaults(settings),
    ...(isProduction ? faultsOf(() => check(settings as unknown as Config)) : []),
  ];
}
