import { type DataSourceOptions, getMetadataArgsStorage } from 'typeorm';

/**
 * One sentence for each relation to an entity that no loaded module registers. TypeORM reports only the first, without
 * the name of the missing entity.
 */
export function relationsToUnregisteredEntities({ entities }: DataSourceOptions): string[] {
  const registered = Object.values(entities ?? {});
  const names = registered.map(nameOf);
  return getMetadataArgsStorage()
    .relations.filter(({ target }) => registered.includes(target))
    .map(({ target, propertyName, type }) => ({
      relation: `${nameOf(target)}.${propertyName}`,
      // Relations name their entity with a function or a string.
      entity: typeof type === 'function' ? nameOf((type as () => unknown)()) : nameOf(type),
    }))
    .filter(({ entity }) => !names.includes(entity))
    .map(
      ({ relation, entity }) =>
        `${relation} refers to the entity ${entity}, which no module of this process registers: import the module that has TypeOrmModule.forFeature([${entity}]).`,
    );
}

const nameOf = (entity: unknown): string => (typeof entity === 'function' ? entity.name : String(entity));
