import { enumValues, type Field } from './fields.ts';
import type { Names } from './names.ts';

/** What the templates of a feature need. */
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
  }

  async down(db: QueryRunner): Promise<void> {
    await db.query(\`DROP TABLE ${table}\`);
  }
}
`;
}

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

export function entityFile({ names, fields }: Feature): string {
  const { table, Singular } = names;
  const uniques = fields.filter(({ isUnique }) => isUnique);
  const enums = fields.filter(({ values }) => values);
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
${lines(enums, (field) => enumDeclaration(field, names))}
@Entity('${table}')
${lines(uniques, (field) => `@Unique('${uniqueName(names, field)}', ['userId', '${field.name}'])`)}
${lines(enums, (field) => `@Check('${checkName(names, field)}', \`${checkOf(field)}\`)`)}
@Index('${table}_user_id_idx', ['userId', 'createdAt', 'id'])
export class ${Singular} {
  @PrimaryColumn('uuid')
  id!: string;

  @Column('uuid')
  userId!: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: '${table}_user_id_fkey' })
  user?: User;
${lines(fields, columnOf)}
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
