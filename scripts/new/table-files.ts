import { enumValues, type Field } from './fields.ts';
import { pascal, type Names } from './names.ts';
import type { Reference } from './references.ts';

/** The input of the templates of a feature. */
export interface Feature {
  names: Names;
  fields: Field[];
  /** Milliseconds, in the name of the migration. */
  timestamp: number;
}

export const lines = <Item>(items: Item[], write: (item: Item) => string): string =>
  items.map(write).join('\n');

const list = (values: string[]): string => values.map((value) => `'${value}'`).join(', ');

export const uniqueName = ({ table }: Names, { column }: Field): string => `${table}_user_id_${column}_key`;
export const checkName = ({ table }: Names, { column }: Field): string => `${table}_${column}_check`;

export type ReferenceField = Field & { references: Reference };
export const referencesIn = (fields: Field[]): ReferenceField[] =>
  fields.filter((field): field is ReferenceField => field.references !== undefined);
/** Required references need a target, also in tests. A row is deleted with its target. */
export const requiredIn = (fields: Field[]): ReferenceField[] =>
  referencesIn(fields).filter(({ isOptional }) => !isOptional);
export const keyName = ({ table }: Names, { column }: Field): string => `${table}_${column}_fkey`;
export const indexName = ({ table }: Names, { column }: Field): string => `${table}_${column}_idx`;

const foreignKey = (names: Names, field: ReferenceField): string =>
  `CONSTRAINT ${keyName(names, field)} FOREIGN KEY (${field.column}) REFERENCES ${field.references.table} (id) ON DELETE ${onDelete(field)}`;

const onDelete = ({ isOptional }: Field): string => (isOptional ? 'SET NULL' : 'CASCADE');

/** A transaction locks one existing table: a reference to another table than users has its own migration. */
const isSeparate = ({ references }: ReferenceField): boolean => references.table !== 'users';

const checkOf = ({ column, values = [] }: Field): string => `${column} IN (${list(values)})`;

export function migrationFile({ names, fields, timestamp }: Feature): string {
  const { table, Plural, words } = names;
  const columns = fields.map(
    ({ column, sql, isOptional }) => `${column} ${sql}${isOptional ? '' : ' NOT NULL'},`,
  );
  const constraints = fields.flatMap((field) => [
    ...(field.isUnique ? [`CONSTRAINT ${uniqueName(names, field)} UNIQUE (user_id, ${field.column}),`] : []),
    ...(field.values ? [`CONSTRAINT ${checkName(names, field)} CHECK (${checkOf(field)}),`] : []),
  ]);
  const references = referencesIn(fields);
  constraints.push(
    ...references.filter((field) => !isSeparate(field)).map((field) => `${foreignKey(names, field)},`),
  );
  const indent = (line: string) => `        ${line}`;
  return `
import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Create${Plural}${timestamp} implements MigrationInterface {
  name = 'Create${Plural}${timestamp}';

  async up(db: QueryRunner): Promise<void> {
    await db.query(\`
      CREATE TABLE ${table} (
        id uuid NOT NULL,
        user_id uuid NOT NULL,
${lines(columns, indent)}
        version integer NOT NULL DEFAULT 1,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT ${table}_pkey PRIMARY KEY (id),
${lines(constraints, indent)}${constraints.length > 0 ? '\n' : ''}        CONSTRAINT ${table}_user_id_fkey FOREIGN KEY (user_id) REFERENCES users (id) ON DELETE CASCADE
      )\`);
    // For the list of ${words}: its sort column, then the id to break ties.
    await db.query(\`CREATE INDEX ${table}_user_id_idx ON ${table} (user_id, created_at, id)\`);
${lines(
  references,
  (field) => `    // For deletions in ${field.references.table}.
    await db.query(\`CREATE INDEX ${indexName(names, field)} ON ${table} (${field.column})\`);`,
)}
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(\`DROP TABLE ${table}\`);
  }
}
`;
}

/** The migrations of references to other tables than users: path → content. */
export function referenceMigrations({ names, fields, timestamp }: Feature): Record<string, string> {
  const separate = referencesIn(fields).filter(isSeparate);
  return Object.fromEntries(
    separate.map((field, index) => {
      const stamp = timestamp + 1 + index;
      const name = `${names.plural}-${field.column.replaceAll('_', '-')}`;
      return [
        `migrations/${stamp}-reference-${name}.ts`,
        referenceMigration(`Reference${pascal(name)}${stamp}`, names, field),
      ];
    }),
  );
}

const referenceMigration = (className: string, names: Names, field: ReferenceField): string => `
import type { MigrationInterface, QueryRunner } from 'typeorm';

/** In its own migration, because it locks a second table. When the target is deleted, the ${field.isOptional ? 'reference becomes null' : `${names.word} is deleted too`}. */
export class ${className} implements MigrationInterface {
  name = '${className}';

  async up(db: QueryRunner): Promise<void> {
    // NOT VALID checks new rows only. There are no older ones.
    await db.query(\`ALTER TABLE ${names.table} ADD ${foreignKey(names, field)} NOT VALID\`);
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(\`ALTER TABLE ${names.table} DROP CONSTRAINT ${keyName(names, field)}\`);
  }
}
`;

const enumDeclaration = ({ name, typescript, values = [] }: Field, { Singular }: Names): string => `
export const ${enumValues(name, Singular)} = [${list(values)}] as const;
export type ${typescript} = (typeof ${enumValues(name, Singular)})[number];
`;

function columnOf({ name, columnType, typescript, isOptional }: Field): string {
  const nullable = columnType.startsWith('{')
    ? columnType.replace(' }', ', nullable: true }')
    : `${columnType}, { nullable: true }`;
  return `
  @Column(${isOptional ? nullable : columnType})
  ${name}!: ${typescript}${isOptional ? ' | null' : ''};
`;
}

function relationOf(names: Names, field: Field): string {
  const { references, name, column } = field;
  if (!references) return '';
  return `
  @ManyToOne(() => ${references.Entity}, { onDelete: '${onDelete(field)}' })
  @JoinColumn({ name: '${column}', foreignKeyConstraintName: '${keyName(names, field)}' })
  ${name.slice(0, -2)}?: ${references.Entity}${field.isOptional ? ' | null' : ''};
`;
}

export function entityFile({ names, fields }: Feature): string {
  const { table, Singular } = names;
  const uniques = fields.filter(({ isUnique }) => isUnique);
  const enums = fields.filter(({ values }) => values);
  const references = referencesIn(fields);
  const targets = new Map(references.map((field) => [field.references.Entity, field.references]));
  targets.delete('User');
  const imported = [...targets.values()];
  return `
import {
  ${enums.length > 0 ? 'Check,' : ''}
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinColumn,
  ManyToOne,
  PrimaryColumn,
  ${uniques.length > 0 ? 'Unique,' : ''}
  UpdateDateColumn,
} from 'typeorm';
import { User } from '../users/user.entity.ts';
${lines(imported, (target) => `import { ${target.Entity} } from '${target.entityFile}';`)}
${lines(enums, (field) => enumDeclaration(field, names))}
@Entity('${table}')
${lines(uniques, (field) => `@Unique('${uniqueName(names, field)}', ['userId', '${field.name}'])`)}
${lines(enums, (field) => `@Check('${checkName(names, field)}', \`${checkOf(field)}\`)`)}
@Index('${table}_user_id_idx', ['userId', 'createdAt', 'id'])
${lines(references, (field) => `@Index('${indexName(names, field)}', ['${field.name}'])`)}
export class ${Singular} {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: '${table}_user_id_fkey' })
  user?: User;
${lines(fields, (field) => `${columnOf(field)}${relationOf(names, field)}`)}
  /** Counts changes; the ETag of the resource. */
  @Column('integer', { default: 1 })
  version!: number;

  @CreateDateColumn({ type: 'timestamptz', precision: 3 })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', precision: 3 })
  updatedAt!: Date;
}
`;
}
