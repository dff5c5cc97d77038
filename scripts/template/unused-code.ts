import ts from 'typescript';
import type { Uses } from './dead-code.ts';
import { boundNames, importedNames, isExported, isNamedDeclaration, rangeOf } from './syntax.ts';

export interface Unused extends Uses {
  /** A spec file without a test. */
  isEmptyTest: boolean;
}

/** Finds code that the file no longer uses. `isLost` says whether the last importer of an export is gone. */
export function findUnused(source: ts.SourceFile, isLost: (name: string) => boolean): Unused {
  const counts = countNames(source);
  const isUnused = (name: string) => counts.get(name) === 1;
  const found: Unused = { ranges: [], exports: [], isEmptyTest: isEmptyTest(source) };
  const remove = (node: ts.Node) => found.ranges.push(rangeOf(node));
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) unusedImports(node, isUnused).forEach(remove);
    else if (isUnusedDeclaration(node, isUnused, isLost)) {
      remove(node);
      found.exports.push(...namesOf(node));
    } else if (isEmptyPart(node) || isUnusedMember(node, isUnused)) remove(node);
    else ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function countNames(source: ts.SourceFile): Map<string, number> {
  const counts = new Map<string, number>();
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) counts.set(node.text, (counts.get(node.text) ?? 0) + 1);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return counts;
}

function unusedImports(node: ts.ImportDeclaration, isUnused: (name: string) => boolean): ts.Node[] {
  const names = importedNames(node);
  if (names.length > 0 && names.every(isUnused)) return [node];
  const bindings = node.importClause?.namedBindings;
  if (!bindings || ts.isNamespaceImport(bindings)) return [];
  return bindings.elements.filter(({ name }) => isUnused(name.text));
}

function namesOf(node: ts.Node): string[] {
  if (ts.isVariableStatement(node))
    return node.declarationList.declarations.flatMap(({ name }) => boundNames(name));
  return isNamedDeclaration(node) && node.name ? [node.name.text] : [];
}

function isUnusedDeclaration(
  node: ts.Node,
  isUnused: (name: string) => boolean,
  isLost: (name: string) => boolean,
): boolean {
  const names = namesOf(node);
  if (names.length === 0 || !names.every(isUnused)) return false;
  return isExported(node) ? names.every(isLost) : true;
}

/** A private member or injected service that no method uses. */
function isUnusedMember(node: ts.Node, isUnused: (name: string) => boolean): boolean {
  if (!ts.isParameter(node) && !ts.isMethodDeclaration(node) && !ts.isPropertyDeclaration(node)) return false;
  const isPrivate = (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
  return isPrivate && ts.isIdentifier(node.name) && isUnused(node.name.text);
}

/** A constructor or describe that has lost its content. */
function isEmptyPart(node: ts.Node): boolean {
  if (ts.isConstructorDeclaration(node))
    return node.parameters.length === 0 && node.body?.statements.length === 0;
  if (!ts.isExpressionStatement(node) || !ts.isCallExpression(node.expression)) return false;
  if (!/^describe\b/.test(node.expression.expression.getText())) return false;
  const body = node.expression.arguments.at(-1);
  return body !== undefined && ts.isArrowFunction(body) && !hasTest(body);
}

const hasTest = (node: ts.Node): boolean => /\b(it|test)(\.\w+(\([^]*?\))?)?\(/.test(node.getText());

const isEmptyTest = (source: ts.SourceFile): boolean =>
  source.fileName.endsWith('.spec.ts') && !hasTest(source);
