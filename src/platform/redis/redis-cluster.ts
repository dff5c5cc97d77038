import { Cluster, type ClusterNode, Redis, type RedisOptions } from 'ioredis';

/** One Redis, or all nodes of a Redis Cluster. */
export type RedisClient = Redis | Cluster;

/** The pause before a command is sent again to a cluster in which a node has failed. */
const RETRY_MS = 100;
/** The default of 1 s is short for a new connection with TLS. */
const REFRESH_TIMEOUT_MS = 2_000;
const KNOWN_NODES_MAX = 50;

/** Connects to the Redis Cluster of a URL, which leads to one of its nodes. */
export class ClusterConnector {
  private readonly credentials: RedisOptions;
  /**
   * Where a client that has lost all nodes looks for the cluster. Shared by all clients, and contains each node that one
   * of them has seen, because the node of the URL may be gone for good. ioredis reads it again at each attempt.
   */
  private readonly knownNodes: ClusterNode[];

  constructor(url: string) {
    // Not connected: ioredis only parses the URL.
    const { host, port, username, password, tls, family } = new Redis(url, { lazyConnect: true }).options;
    this.knownNodes = [{ host: host!, port: port! }];
    this.credentials = { username, password, tls, family } as RedisOptions;
  }

  /** The options are those of a connection to a single Redis, and limit a command to the same time. */
  connect({ enableOfflineQueue = true, retryStrategy, commandTimeout, ...options }: RedisOptions): Cluster {
    const limits = commandTimeout === undefined ? withoutLimit() : limitsOf(commandTimeout);
    const cluster = new Cluster(this.knownNodes, {
      enableOfflineQueue,
      clusterRetryStrategy: retryStrategy!,
      slotsRefreshTimeout: REFRESH_TIMEOUT_MS,
      retryDelayOnFailover: RETRY_MS,
      retryDelayOnClusterDown: RETRY_MS,
      retryDelayOnTryAgain: RETRY_MS,
      // Keeps the names of nodes, which their certificates contain. Each connection resolves them.
      dnsLookup: (name, callback) => callback(null, name),
      ...limits.cluster,
      redisOptions: { ...options, ...this.credentials, ...limits.node },
    });
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

/** Half of the time for retries, which start no timer, and half for the response. */
const limitsOf = (milliseconds: number) => ({
  cluster: { maxRedirections: Math.floor(milliseconds / 2 / RETRY_MS) },
  node: { commandTimeout: milliseconds / 2 },
});

/** The pause keeps a command from circling between two nodes that disagree during a failover. */
const withoutLimit = () => ({
  cluster: { maxRedirections: Infinity, retryDelayOnMoved: RETRY_MS },
  node: {},
});

const isSame = (node: ClusterNode, host: string, port: number): boolean =>
  typeof node === 'object' && node.host === host && node.port === port;
