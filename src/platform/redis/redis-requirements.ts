import type { Redis } from 'ioredis';

/** BullMQ recommends 6.2 and warns below it. */
const VERSION_MIN = [6, 2] as const;
/** Redis returns these errors while it starts or fails over. They do not mean that a requirement is missing. */
const TEMPORARY_ERROR = /^(LOADING|MASTERDOWN|BUSY|TRYAGAIN|CLUSTERDOWN|READONLY|MISCONF|OOM)/;

export const NO_CLUSTER = 'Redis does not run in cluster mode: set REDIS_CLUSTER=false';

/** Whether this is the error response to CLUSTER of a single Redis. */
export const isClusterMissing = ({ message }: Error): boolean => message.includes('cluster support disabled');

/** Why the queue cannot work on this Redis, in words for its operator; undefined when it can or does not respond. */
export async function findMissingRequirement(redis: Redis, isCluster: boolean): Promise<string | undefined> {
  try {
    return (
      (await checkDatabase(redis)) ??
      (await checkServer(redis, isCluster)) ??
      (await rejectionOf(redis.eval('return 1', 0), 'The Redis user may not run EVAL, which the queue needs'))
    );
  } catch {
    // The connection was lost. The requirements are checked again after the reconnect.
    return undefined;
  }
}

async function checkDatabase(redis: Redis): Promise<string | undefined> {
  const database = redis.options.db ?? 0;
  if (database === 0) return undefined;
  return rejectionOf(redis.select(database), `REDIS_URL selects database ${database}, which Redis rejects`);
}

async function checkServer(redis: Redis, isCluster: boolean): Promise<string | undefined> {
  const info = redis.info('server');
  const rejection = await rejectionOf(info, 'The Redis user may not run INFO, which the queue needs');
  if (rejection) return rejection;
  const text = await info;
  const version = /^redis_version:(\S+)/m.exec(text)?.[1];
  if (version && isTooOld(version)) return `Redis ${version} is too old: use 6.2 or later`;
  if (isCluster || !/^redis_mode:cluster/m.test(text)) return undefined;
  return 'Redis runs in cluster mode: set REDIS_CLUSTER=true';
}

/** Resolves to the error response of Redis, if any. Other failures, like a lost connection, are thrown. */
async function rejectionOf(command: Promise<unknown>, problem: string): Promise<string | undefined> {
  try {
    await command;
    return undefined;
  } catch (error) {
    const isReply = error instanceof Error && error.name === 'ReplyError';
    if (isReply && !TEMPORARY_ERROR.test(error.message)) return `${problem}: ${error.message}`;
    throw error;
  }
}

function isTooOld(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]);
}
