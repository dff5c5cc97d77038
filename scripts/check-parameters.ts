import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';

/** The linter has one limit for both. Constructors may inject more, and these types don't count. */
const MAX_PARAMETERS = 4;
const MAX_DEPENDENCIES = 6;
const UNCOUNTED = new Set(['Config', 'DataSource', 'Logger']);

const faults = globSync(['src/**/*.ts', 'scripts/**/*.ts', 'test/**/*.ts']).flatMap((path) => {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  return faultsIn(file, file);
});

function faultsIn(node: ts.Node, file: ts.SourceFile): string[] {
  const below: string[] = [];
  ts.forEachChild(node, (child) => void below.push(...faultsIn(child, file)));
  if (!ts.isFunctionLike(node)) return below;
  const isConstructor = ts.isConstructorDeclaration(node);
  const limit = isConstructor ? MAX_DEPENDENCIES : MAX_PARAMETERS;
  const counted = node.parameters.filter(
    ({ type }) => !isConstructor || !UNCOUNTED.has(type?.getText(file) ?? ''),
  );
  if (counted.length <= limit) return below;
  const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
  return [`${file.fileName}:${line + 1} has ${counted.length} parameters, more than ${limit}`, ...below];
}

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}
