import { controllerFile, errorsFiles, schemasFile } from './api-files.ts';
import {
  graphqlFile,
  graphqlMatrixFile,
  graphqlProvider,
  graphqlTestFile,
  resolverFile,
} from './graphql-files.ts';
import { importModule } from './module-edits.ts';
import { factoryFile, httpModuleFile, moduleFile, policyFile, serviceFile } from './service-files.ts';
import {
  checkName,
  entityFile,
  type Feature,
  indexName,
  migrationFile,
  referenceMigrations,
  referencesIn,
  uniqueName,
} from './table-files.ts';
import { matrixFile, testFile } from './test-files.ts';

/** The new files of a feature: path → content, before it is formatted. */
export function featureFiles(feature: Feature): Record<string, string> {
  const { plural, singular } = feature.names;
  const src = `src/${plural}/${plural}`;
  const { errors, de } = errorsFiles(feature);
  return {
    [`migrations/${feature.timestamp}-create-${plural}.ts`]: migrationFile(feature),
    ...referenceMigrations(feature),
    [`src/${plural}/${singular}.entity.ts`]: entityFile(feature),
    [`${src}.schemas.ts`]: schemasFile(feature),
    ...(errors && { [`${src}.errors.ts`]: errors }),
    ...(de && { [`${src}.de.ts`]: de }),
    [`${src}.policy.ts`]: policyFile(feature),
    [`${src}.service.ts`]: serviceFile(feature),
    [`${src}.controller.ts`]: controllerFile(feature),
    [`${src}.graphql.ts`]: graphqlFile(feature),
    [`${src}.resolver.ts`]: resolverFile(feature),
    [`${src}.module.ts`]: moduleFile(feature),
    [`${src}-http.module.ts`]: httpModuleFile(feature, [graphqlProvider(feature)]),
    [`test/factories/${singular}.factory.ts`]: factoryFile(feature),
    [`test/contract/authorization/${plural}.ts`]: matrixFile(feature),
    [`test/contract/authorization/${plural}.graphql.ts`]: graphqlMatrixFile(feature),
    [`test/e2e/${plural}.spec.ts`]: testFile(feature),
    [`test/e2e/${plural}-graphql.spec.ts`]: graphqlTestFile(feature),
  };
}

/** The changes of existing files: path → change of the content. */
export function featureEdits(feature: Feature): Record<string, (content: string) => string> {
  const { Plural, plural } = feature.names;
  return {
    'src/app.module.ts': (content) =>
      importModule(content, `${Plural}HttpModule`, `./${plural}/${plural}-http.module.ts`),
    'docs/database.md': (content) => describeTable(content, feature),
  };
}

function describeTable(page: string, { names, fields }: Feature): string {
  const { table, words } = names;
  const constraints = fields.flatMap((field) => [
    ...(field.isUnique ? [`| \`${uniqueName(names, field)}\` | once per user |`] : []),
    ...(field.values ? [`| \`${checkName(names, field)}\` | known values |`] : []),
  ]);
  const references = referencesIn(fields);
  const targets = new Set(references.map(({ references: { table: target } }) => target));
  targets.delete('users');
  const drawn = [...targets].map((target) => `  ${target} ||--o{ ${table} : "are named by"`);
  const indexed = references.map(
    (field) => `| \`${indexName(names, field)}\` | deletions in \`${field.references.table}\` |`,
  );
  return [
    {
      section: 'Tables',
      row: /^ {2}\w+ \|\|--o\{ .*$/gm,
      added: [`  users ||--o{ ${table} : owns`, ...drawn],
    },
    { section: 'Constraints', row: /^\|.*\|$/gm, added: constraints },
    {
      section: 'Indexes',
      row: /^\|.*\|$/gm,
      added: [`| \`${table}_user_id_idx\` | ${words} of a user |`, ...indexed],
    },
  ].reduce((text, { section, row, added }) => addRows(text, section, { row, added }), page);
}

/** Adds rows after the last row of a section. */
function addRows(page: string, section: string, { row, added }: { row: RegExp; added: string[] }): string {
  const start = page.indexOf(`\n## ${section}\n`);
  const end = page.indexOf('\n## ', start + 1);
  const text = page.slice(start, end === -1 ? undefined : end);
  const last = [...text.matchAll(row)].at(-1);
  if (start === -1 || !last) throw new Error(`Found no table under "${section}" in docs/database.md.`);
  const at = start + last.index + last[0].length;
  return [page.slice(0, at), ...added.map((line) => `\n${line}`), page.slice(at)].join('');
}
