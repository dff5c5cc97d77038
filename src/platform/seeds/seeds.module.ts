import { type DynamicModule, type INestApplicationContext, Injectable, Module } from '@nestjs/common';
import { Registry, registerIn } from '../registry/registry.ts';

/** Rows for development. Declared by the feature that owns them, and registered with `SeedsModule.forFeature`. */
export interface Seed {
  readonly name: string;
  /** Names of the seeds whose rows this one needs. */
  readonly after?: readonly string[];
  /** Creates the rows through services, so that domain events happen. Running it again must change nothing. */
  run(app: INestApplicationContext): Promise<void>;
}

@Injectable()
export class Seeds extends Registry<Seed> {
  protected keyOf({ name }: Seed): string {
    return name;
  }

  /** Runs all seeds, each after those that it needs. Resolves to their names. */
  async run(app: INestApplicationContext): Promise<string[]> {
    const ordered = this.inOrder();
    for (const seed of ordered) await seed.run(app);
    return ordered.map(({ name }) => name);
  }

  private inOrder(): Seed[] {
    const ordered = new Set<Seed>();
    const visit = (name: string, dependents: string[]): void => {
      const path = [...dependents, name];
      if (dependents.includes(name)) throw new Error(`Seeds depend on each other: ${path.join(' → ')}`);
      const seed = this.find(name);
      if (!seed) throw new Error(`Seed ${dependents.at(-1)} needs ${name}, which no feature registers`);
      for (const earlier of seed.after ?? []) visit(earlier, path);
      ordered.add(seed);
    };
    for (const name of this.keys()) visit(name, []);
    return [...ordered];
  }
}

@Module({ providers: [Seeds], exports: [Seeds] })
export class SeedsModule {
  static forFeature(seeds: Seed[]): DynamicModule {
    return registerIn(SeedsFeatureModule, Seeds, seeds);
  }
}

@Module({ imports: [SeedsModule] })
class SeedsFeatureModule {}
