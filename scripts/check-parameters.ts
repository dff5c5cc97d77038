import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';

/** The linter has one limit for both; injected dependencies may be one more than the arguments of a call. */
const MAX_PARAMETERS = 4;
const MAX_DEPENDENCIES = 5;

const faults = globSync(['src/**/*.ts', 'scripts/**/*.ts', 'test/**/*.ts']).flatMap((path) => {
  const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  return faultsIn(file, file);
});

function faultsIn(node: ts.Node, file: ts.SourceFile): string[] {
  const below: string[] = [];
  ts.forEachChild(node, (child) => void below.push(...faultsIn(child, file)));
  if (!ts.isFunctionLike(node)) return below;
  const limit = ts.isConstructorDeclaration(node) ? MAX_DEPENDENCIES : MAX_PARAMETERS;
  if (node.parameters.length <= limit) return below;
  const { line } = file.getLineAndCharacterOfPosition(node.getStart(file));
  return [
    `${file.fileName}:${line + 1} has ${node.parameters.length} parameters, more than ${limit}`,
    ...below,
  ];
}

if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exitCode = 1;
}
