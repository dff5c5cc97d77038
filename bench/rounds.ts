/** Measures requests in rounds. In each round the servers take turns, so that a disturbance of the machine hits all of them. */
import { type Call, percentile, send, type Work } from './load.ts';
import { cpuMicros } from './processes.ts';
import { databaseOf, query, type Server, type ServerName, serverNames } from './servers.ts';
import type { Stores } from './stores.ts';

/** The figures of one server for one work. */
export interface Figures {
  cpuMicros: number;
  perSecond: number;
  p50: number;
  p99: number;
  statements: number;
  redisCommands: number;
}

export type Round = Record<ServerName, Figures>;
export type MeasuredServer = Server & { databaseUrl: string };

export class WorkRounds {
  readonly work: Work;
  readonly rounds: Round[] = [];
  private readonly servers: MeasuredServer[];
  private readonly stores: Stores;
  private readonly calls = new Map<ServerName, (connection: number) => Call>();

  constructor(work: Work, servers: MeasuredServer[], stores: Stores) {
    this.work = work;
    this.servers = servers;
    this.stores = stores;
  }

  /** `part`: the fraction of the work's requests to send. */
  async measure(part: number): Promise<void> {
    // The first round warms up.
    if (this.rounds.length === 0) {
      for (const { name, url, databaseUrl } of this.servers)
        this.calls.set(name, await this.work.prepare(url, (sql, values) => query(databaseUrl, sql, values)));
      await this.measureServers(part);
    }
    this.rounds.push(await this.measureServers(part));
  }

  /** The best of all rounds, because other programs can only make a round worse. */
  get best(): Round {
    const best = (server: ServerName, key: keyof Figures) => {
      const values = this.rounds.map((round) => round[server][key]);
      return key === 'perSecond' ? Math.max(...values) : Math.min(...values);
    };
    const keys = Object.keys(this.rounds[0]!.bare) as (keyof Figures)[];
    return Object.fromEntries(
      serverNames.map((server) => [server, Object.fromEntries(keys.map((key) => [key, best(server, key)]))]),
    ) as unknown as Round;
  }

  private async measureServers(part: number): Promise<Round> {
    const round: Partial<Round> = {};
    for (const server of this.servers) round[server.name] = await this.measureServer(server, part);
    return round as Round;
  }

  private async measureServer({ name, url, pid }: MeasuredServer, part: number): Promise<Figures> {
    const { connections } = this.work;
    const requests = Math.ceil(this.work.requests * part);
    const count = async () => [
      cpuMicros(pid),
      await this.stores.countStatements(databaseOf(name)),
      await this.stores.countRedisCommands(),
    ];
    const before = await count();
    const { seconds, latencies } = await send(url, this.calls.get(name)!, { connections, requests });
    const after = await count();
    const [cpu = 0, statements = 0, commands = 0] = after.map((value, index) => value - before[index]!);
    return {
      cpuMicros: cpu / requests,
      perSecond: requests / seconds,
      p50: percentile(latencies, 0.5),
      p99: percentile(latencies, 0.99),
      statements: statements / requests,
      redisCommands: name === 'redis' ? commands / requests : 0,
    };
  }
}
