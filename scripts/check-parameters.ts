import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';

/** The linter has one limit for all. Nest calls constructors and handlers, so no caller has to know the order. */
const MAX_PARAMETERS = 4;
const MAX_CALLED_BY_NEST = 6;
/** Types of dependencies that don't count. */
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
  const limit = isConstructor || isHandler(node) ? MAX_CALLED_BY_NEST : MAX_PARAMETERS;
  const counted = node.parameters.filter(
    ({ type }) => !isConstructor || !UNCOUNTED.has(type?.getText(file) ?? ''),
  );
  if (counted.length <= limit) return below;
  const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
  return [`${file.fileName}:${line + 1} has ${counted.length} parameters, more than ${limit}`, ...below];
}

/** Each parameter has a decorator, such as `@Body()`. */
function isHandler({ parameters }: ts.SignatureDeclaration): boolean {
  return parameters.every((parameter) => (ts.getDecorators(parameter) ?? []).length > 0);
}

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}
