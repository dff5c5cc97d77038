import { type DynamicModule, Injectable, Module } from '@nestjs/common';
import { Registry, registerIn } from '../registry/registry.ts';

/** How the personal data in one table is exported and erased. Declared by the feature that owns the table. */
export interface PersonalDataTable {
  readonly table: string;
  /** The columns and rows of the export, or why there are none. */
  readonly exported: ExportRule | { exempt: string };
  /**
   * `cascade`: few rows, deleted with the user's row by a foreign key. `sql`: a DELETE of at most `$2` rows of the user
   * `$1`, repeated until none is left and before the user's row. `kept`: why the rows stay.
   */
  readonly erased: 'cascade' | { sql: string } | { kept: string };
}

/** SQL in which `$1` is the user's id. The table needs the columns `created_at` and `id`. */
export interface ExportRule {
  /** Name of the file in the export, without its extension. */
  readonly file: string;
  /** No hashes, tokens or salts, and no data of other users. */
  readonly columns: string;
  readonly where: string;
}

/** The `sql` of `erased` for a table whose column names the user. */
export const deleteByColumn = (table: string, column: string): string =>
  `DELETE FROM ${table} WHERE ctid IN (SELECT ctid FROM ${table} WHERE ${column} = $1 LIMIT $2)`;

@Injectable()
export class PersonalData extends Registry<PersonalDataTable> {
  protected keyOf({ table }: PersonalDataTable): string {
    return table;
  }
}

@Module({ providers: [PersonalData], exports: [PersonalData] })
export class PersonalDataModule {
  static forFeature(tables: PersonalDataTable[]): DynamicModule {
    return registerIn(PersonalDataFeatureModule, PersonalData, tables);
  }
}

@Module({ imports: [PersonalDataModule] })
class PersonalDataFeatureModule {}
