import { Cluster, type ClusterNode, Redis, type RedisOptions } from 'ioredis';

/** One Redis, or all nodes of a Redis Cluster. */
export type RedisClient = Redis | Cluster;
/** The shape of responses is the default, as for a single Redis. */
type NodeOptions = Omit<RedisOptions, 'replyMapping'>;
type Options = NonNullable<ConstructorParameters<typeof Cluster<'legacy'>>[1]>;

/** The pause before a command is sent again to a cluster in which a node has failed. */
const RETRY_MS = 100;
/** For workers, which wait for Redis. The pause limits how often nodes that disagree redirect a command. */
const WITHOUT_LIMIT = { maxRedirections: Infinity, retryDelayOnMoved: RETRY_MS };
/** The default of 1 s is short for a new connection with TLS. */
const REFRESH_TIMEOUT_MS = 2_000;
const KNOWN_NODES_MAX = 50;

/**
 * Rejects each command after a time. The `commandTimeout` of a node starts when the node gets the command, but ioredis
 * may first look for a node that responds, for many seconds.
 */
class LimitedCluster extends Cluster {
  constructor(
    nodes: ClusterNode[],
    options: Options,
    private readonly limitMs: number,
  ) {
    super(nodes, options);
  }

  override sendCommand(...args: Parameters<Cluster['sendCommand']>): unknown {
    args[0].setTimeout(this.limitMs);
    return super.sendCommand(...args);
  }
}

/** Connects to the Redis Cluster of a URL, which leads to one of its nodes. */
export class ClusterConnector {
  private readonly credentials: NodeOptions;
  /**
   * The nodes to which a client reconnects after it has lost all others. Shared by all clients: contains each node that
   * one of them has seen, because the node of the URL may be gone for good. ioredis reads it again at each attempt.
   */
  private readonly knownNodes: ClusterNode[];

  constructor(url: string) {
    // Not connected: ioredis only parses the URL.
    const { host, port, username, password, tls, family } = new Redis(url, { lazyConnect: true }).options;
    this.knownNodes = [{ host: host!, port: port! }];
    this.credentials = { username, password, tls, family };
  }

  /** The options are those of a connection to a single Redis. */
  connect({ enableOfflineQueue = true, retryStrategy, commandTimeout, ...options }: NodeOptions): Cluster {
    const isLimited = commandTimeout !== undefined;
    const clusterOptions: Options = {
      enableOfflineQueue,
      clusterRetryStrategy: retryStrategy!,
      slotsRefreshTimeout: REFRESH_TIMEOUT_MS,
      retryDelayOnFailover: RETRY_MS,
      // Keeps the names of nodes, which their certificates contain. Each connection resolves them.
      dnsLookup: (name, callback) => callback(null, name),
      redisOptions: {
        ...options,
        ...this.credentials,
        // For commands to one node. Also limits a refresh, which includes a new connection.
        ...(isLimited && { commandTimeout: REFRESH_TIMEOUT_MS }),
      },
    };
    const cluster = isLimited
      ? new LimitedCluster(this.knownNodes, clusterOptions, commandTimeout)
      : new Cluster(this.knownNodes, { ...clusterOptions, ...WITHOUT_LIMIT });
    // BullMQ duplicates the client for each worker. By default, a duplicate copies the list.
    const duplicate = cluster.duplicate.bind(cluster);
    cluster.duplicate = (_nodes, more) => duplicate(this.knownNodes, more);
    return cluster.on('+node', ({ options: { host, port } }: Redis) => this.remember(host!, port!));
  }

  private remember(host: string, port: number): void {
    if (this.knownNodes.some((node) => isSame(node, host, port))) return;
    this.knownNodes.push({ host, port });
    // The oldest one may be an IP address that was replaced. The first is the URL.
    if (this.knownNodes.length > KNOWN_NODES_MAX) this.knownNodes.splice(1, 1);
  }
}

/** The nodes that accept writes. */
export const mastersOf = (redis: RedisClient): Redis[] =>
  redis instanceof Cluster ? redis.nodes('master') : [redis];

const isSame = (node: ClusterNode, host: string, port: number): boolean =>
  typeof node === 'object' && node.host === host && node.port === port;
