import type { DynamicModule, Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';

/**
 * A list that features fill through their modules: job types, events, retention rules and the like. Each kind has its own
 * subclass, which is also its injection token.
 */
export abstract class Registry<Item> {
  private readonly items = new Map<string, Item>();

  /** Identifies an item. Two features that register the same key stop the start-up. */
  protected abstract keyOf(item: Item): string;

  add(items: readonly Item[]): void {
    for (const item of items) {
      const key = this.keyOf(item);
      if (this.items.has(key)) throw new Error(`${this.constructor.name}: ${key} is registered twice`);
      this.items.set(key, item);
    }
  }

  find(key: string): Item | undefined {
    return this.items.get(key);
  }

  all(): Item[] {
    return [...this.items.values()];
  }

  keys(): string[] {
    return [...this.items.keys()];
  }
}

/** The items of one `forFeature` call. */
class Registration<Item> {
  constructor(
    readonly registry: Type<Registry<Item>>,
    readonly items: readonly Item[],
  ) {}
}

/**
 * For a module's static `forFeature(items)`: adds the items to the registry while modules are created. The registry must
 * be exported by `module` or by a global module.
 */
export function registerIn<Item>(
  module: Type,
  registry: Type<Registry<Item>>,
  items: readonly Item[],
): DynamicModule {
  const registration = { provide: Symbol(registry.name), useValue: new Registration(registry, items) };
  const addition = {
    provide: Symbol(`${registry.name} items`),
    inject: [registry],
    useFactory: (target: Registry<Item>) => target.add(items),
  };
  return { module, providers: [registration, addition] };
}

/**
 * The registry of an application whose providers are not created, as for the OpenAPI document. Works for registries
 * without dependencies.
 */
export function readRegistry<Item>(
  modules: ModulesContainer,
  registry: Type<Registry<Item>>,
): Registry<Item> {
  const values = [...modules.values()].flatMap(({ providers }) => [...providers.values()]);
  const filled = new registry();
  for (const { instance } of values as { instance: unknown }[]) {
    if (instance instanceof Registration && instance.registry === registry)
      filled.add(instance.items as Item[]);
  }
  return filled;
}
