import { Cluster, Redis } from 'ioredis';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import tls from 'node:tls';
import { freePort } from '../../scripts/processes.ts';
import { type RedisServer, startRedis, type TestRedis } from './redis.ts';
import { selfSigned } from './self-signed.ts';
import { newDataDir } from './test-run.ts';
import { times, until } from './until.ts';

const MASTERS = 3;
const SLOTS = 16_384;
/** Short, so that a replica takes over within seconds. */
const NODE_TIMEOUT_MS = 1_000;
/** Enabled, with this password, all keys and all channels. */
const USER = ['on', '>secret', 'allkeys', 'allchannels'];

interface Node {
  server: RedisServer;
  busPort: number;
  args: string[];
  admin: Redis;
  id: string;
}

/** Three masters with one replica each, on 127.0.0.1. */
export class RedisCluster {
  /** For commands of the tests. */
  readonly client: Cluster;

  private constructor(private readonly nodes: Node[]) {
    this.client = new Cluster(nodes.map(({ server }) => ({ host: '127.0.0.1', port: server.port })));
    this.client.on('error', () => {});
  }

  static async start(): Promise<RedisCluster> {
    const nodes = await Promise.all(times(2 * MASTERS, () => startNode()));
    await join(nodes);
    const masters = nodes.slice(0, MASTERS);
    await until(() => knowEachOther(nodes), 'the nodes to know each other');
    await Promise.all(
      nodes.slice(MASTERS).map(({ admin }, index) => admin.call('CLUSTER', 'REPLICATE', masters[index]!.id)),
    );
    const cluster = new RedisCluster(nodes);
    await cluster.untilComplete();
    return cluster;
  }

  /** The URL of the first node, as in REDIS_URL. */
  get url(): string {
    return this.nodes[0]!.server.url;
  }

  /** The masters that contain a matching key. */
  async portsWithKeys(pattern: string): Promise<number[]> {
    const ports: number[] = [];
    for (const node of this.client.nodes('master')) {
      if ((await node.keys(pattern)).length > 0) ports.push(Number(node.options.port));
    }
    return ports;
  }

  /** Resolves when the replicas have all data and every slot is served. */
  async untilComplete(): Promise<void> {
    await until(async () => (await Promise.all(this.nodes.map(isComplete))).every(Boolean), 'the cluster');
  }

  /** SIGKILL to the master of the slot of this key. Resolves to its port. */
  async killMasterOf(key: string): Promise<number> {
    const port = await this.masterOf(key);
    await this.nodes.find(({ server }) => server.port === port)!.server.kill();
    return port;
  }

  /** The port of the master of the slot of this key, according to a node that responds. */
  async masterOf(key: string): Promise<number> {
    const slot = await this.client.cluster('KEYSLOT', key);
    const ranges = await this.client.cluster('SLOTS');
    return ranges.find(([from, to]) => from <= slot && slot <= to)![2]![1];
  }

  /** The rights depend on the port of the node. */
  async createUser(name: string, rightsOf: (port: number) => string[]): Promise<void> {
    for (const { admin, server } of this.nodes) {
      await admin.call('ACL', 'SETUSER', name, ...USER, ...rightsOf(server.port));
    }
  }

  /** All nodes keep their connections open but do not respond while the work lasts. */
  async whilePaused<T>(work: () => Promise<T>): Promise<T> {
    this.nodes.forEach(({ server }) => server.pause());
    try {
      return await work();
    } finally {
      this.nodes.forEach(({ server }) => server.resume());
      await this.untilComplete();
    }
  }

  async killAll(): Promise<void> {
    await Promise.all(this.nodes.map(({ server }) => server.kill()));
  }

  /** Restarts all nodes except that of `url`, whose replica takes over. */
  async restartOthers(): Promise<void> {
    this.nodes.shift()?.admin.disconnect();
    for (const node of this.nodes) {
      const { port, dir } = node.server;
      node.server = await startRedis({ port, dir, args: node.args });
    }
    await this.untilComplete();
  }

  async end(): Promise<void> {
    this.client.disconnect();
    this.nodes.forEach(({ admin }) => admin.disconnect());
    await this.killAll();
  }
}

/** For one test file: a cluster has only one database. */
export async function createTestCluster(): Promise<TestRedis> {
  const cluster = await RedisCluster.start();
  return { url: cluster.url, flush: () => cluster.end() };
}

/** One node that announces the name in its certificate. This process trusts the certificate until `end`. */
export async function startTlsCluster(): Promise<{ url: string; end(): Promise<void> }> {
  const dir = newDataDir();
  const { key, cert } = selfSigned();
  const [certificate, privateKey] = [path.join(dir, 'redis.crt'), path.join(dir, 'redis.key')];
  writeFileSync(certificate, cert);
  writeFileSync(privateKey, key);
  const port = await freePort();
  const node = await startNode({
    'tls-port': String(port),
    'tls-cluster': 'yes',
    'tls-auth-clients': 'no',
    'tls-cert-file': certificate,
    'tls-key-file': privateKey,
    'tls-ca-cert-file': certificate,
    'cluster-announce-hostname': 'localhost',
    'cluster-preferred-endpoint-type': 'hostname',
  });
  await node.admin.call('CLUSTER', 'ADDSLOTSRANGE', 0, SLOTS - 1);
  await node.admin.call('ACL', 'SETUSER', 'app', ...USER, '+@all', '-@dangerous', '+info');
  await until(() => isComplete(node), 'the node to serve all slots');
  const trusted = tls.getCACertificates('default');
  tls.setDefaultCACertificates([...trusted, cert]);
  return {
    url: `rediss://app:secret@localhost:${port}`,
    end: async () => {
      tls.setDefaultCACertificates(trusted);
      node.admin.disconnect();
      await node.server.kill();
    },
  };
}

async function startNode(more: Record<string, string> = {}): Promise<Node> {
  const busPort = await freePort();
  const settings = {
    'cluster-enabled': 'yes',
    'cluster-port': String(busPort),
    'cluster-node-timeout': String(NODE_TIMEOUT_MS),
    // A replica of a master that was killed takes over, no matter how old its data is.
    'cluster-replica-validity-factor': '0',
    'repl-diskless-sync-delay': '0',
    ...more,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
  const server = await startRedis({ args });
  const admin = new Redis(server.url, { retryStrategy: () => 50, maxRetriesPerRequest: null });
  admin.on('error', () => {});
  return { server, busPort, args, admin, id: String(await admin.call('CLUSTER', 'MYID')) };
}

/** Does the same as `redis-cli --cluster create`, without its pauses. */
async function join(nodes: Node[]): Promise<void> {
  const [first, ...others] = nodes;
  for (const [index, { admin }] of nodes.entries()) {
    await admin.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    if (index >= MASTERS) continue;
    const from = Math.ceil((index * SLOTS) / MASTERS);
    await admin.call('CLUSTER', 'ADDSLOTSRANGE', from, Math.ceil(((index + 1) * SLOTS) / MASTERS) - 1);
  }
  for (const { server, busPort } of others) {
    await first!.admin.call('CLUSTER', 'MEET', '127.0.0.1', server.port, busPort);
  }
}

async function knowEachOther(nodes: Node[]): Promise<boolean> {
  const lists = await Promise.all(nodes.map(({ admin }) => admin.call('CLUSTER', 'NODES')));
  const ids = nodes.map(({ id }) => id);
  return lists.every(
    (list) => ids.every((id) => String(list).includes(id)) && !/handshake/.test(String(list)),
  );
}

async function isComplete({ admin }: Node): Promise<boolean> {
  const info = String(await admin.call('CLUSTER', 'INFO'));
  const replication = await admin.info('replication');
  const isInSync = /^role:master/m.test(replication) || /^master_link_status:up/m.test(replication);
  return info.includes('cluster_state:ok') && isInSync;
}
