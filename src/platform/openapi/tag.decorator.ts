import { applyDecorators, SetMetadata, type Type } from '@nestjs/common';
import type { ModulesContainer } from '@nestjs/core';
import { ApiTags } from '@nestjs/swagger';
import { StartupError } from '../config/config.ts';

const TAG = 'openapi:tag';

interface TagEntry {
  name: string;
  description?: string;
}

/**
 * The group of a controller's routes in the API description. If several controllers have the same tag, one of them
 * describes it.
 */
export const Tag = (name: string, description?: string): ClassDecorator =>
  applyDecorators(ApiTags(name), SetMetadata(TAG, { name, ...(description && { description }) }));

/** Every tag with its description, in alphabetical order. */
export function listTags(modules: ModulesContainer): Required<TagEntry>[] {
  const controllers = new Set(
    [...modules.values()].flatMap(({ controllers: own }) =>
      [...own.values()].map(({ metatype }) => metatype),
    ),
  );
  const entries = [...controllers].flatMap(
    (controller) => (Reflect.getMetadata(TAG, controller as Type) as TagEntry | undefined) ?? [],
  );
  return [...Map.groupBy(entries, ({ name }) => name)]
    .map(([name, uses]) => ({ name, description: onlyDescription(name, uses) }))
    .toSorted((a, b) => a.name.localeCompare(b.name));
}

function onlyDescription(name: string, uses: TagEntry[]): string {
  const [description, other] = uses.flatMap((use) => use.description ?? []);
  if (description === undefined || other !== undefined) {
    throw new StartupError(
      `The tag ${name} needs a description in one @Tag('${name}', '…'), and in no other controller.`,
    );
  }
  return description;
}
