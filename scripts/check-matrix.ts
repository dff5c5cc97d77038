/** Fails when a route has no row in the authorization matrix, or a row has no route. Reads sources, so it starts nothing. */
import { globSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import ts from 'typescript';

/** A row is a property whose value is `rule(…)`. */
export function rowsOf(source: string): string[] {
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    const isRow =
      ts.isPropertyAssignment(node) &&
      ts.isCallExpression(node.initializer) &&
      node.initializer.expression.getText() === 'rule';
    if (isRow) names.push((node.name as ts.Identifier).text);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('matrix.ts', source, ts.ScriptTarget.Latest, true));
  return names;
}

/** `routes`: the file of each handler, by operationId. `rows`: the file of each row. */
export function matrixFaults(routes: Map<string, string>, rows: Map<string, string>): string[] {
  return [
    ...[...routes]
      .filter(([id]) => !rows.has(id))
      .map(
        ([id, file]) =>
          `${id}() in ${file} has no row in test/contract/authorization/${featureOf(file)}.ts: add ${id}: rule([anonymous, other, owner, admin]) with the expected statuses.`,
      ),
    ...[...rows]
      .filter(([id]) => !routes.has(id))
      .map(([id, file]) => `${id} in ${file} is not a route: remove the row.`),
  ];
}

const featureOf = (file: string): string => file.split('/')[1] ?? '<feature>';

function routesOf(document: { paths: Record<string, Record<string, { operationId: string }>> }) {
  const controllers = globSync('src/**/*.controller.ts').map((file) => ({
    file,
    text: readFileSync(file, 'utf8'),
  }));
  const ids = Object.values(document.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  const fileOf = (id: string): string =>
    controllers.find(({ text }) => new RegExp(`^ +(async )?${id}\\(`, 'm').test(text))?.file ?? 'src';
  return new Map(ids.map((id) => [id, fileOf(id)]));
}

if (import.meta.main) {
  process.chdir(dirname(import.meta.dirname));
  const rows = globSync('test/contract/authorization/*.ts').flatMap((file) =>
    rowsOf(readFileSync(file, 'utf8')).map((id): [string, string] => [id, file]),
  );
  // Another check keeps openapi.json equal to the code.
  const routes = routesOf(JSON.parse(readFileSync('openapi.json', 'utf8')));
  const faults = matrixFaults(routes, new Map(rows));
  if (faults.length > 0) console.error(faults.join('\n'));
  process.exitCode = faults.length > 0 ? 1 : 0;
}
