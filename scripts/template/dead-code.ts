import ts from 'typescript';
import {
  boundNames,
  importedNames,
  isExported,
  isNamedDeclaration,
  isReference,
  isShadowed,
  isTestTitle,
  rangeOf,
  removablePart,
  scopeOf,
} from './syntax.ts';

/** The findings of a round in one file. */
export interface Uses {
  ranges: [number, number][];
  /** Names of removed exports. */
  exports: string[];
}

/** Selects the imports, identifiers and texts to remove. */
interface Criteria {
  isDead: (path: string, name: string) => boolean;
  names: RegExp;
  strings: RegExp;
  isTest: boolean;
}

/** Finds the imports of deleted code, and around each use the smallest part that can be removed. */
export function findDeadNodes(source: ts.SourceFile, criteria: Criteria): Uses {
  const search = new Search(source, criteria);
  search.visit(source);
  return search.result;
}

class Search {
  readonly result: Uses = { ranges: [], exports: [] };
  private readonly done = new Set<ts.Node>();

  private readonly source: ts.SourceFile;
  private readonly criteria: Criteria;

  constructor(source: ts.SourceFile, criteria: Criteria) {
    this.source = source;
    this.criteria = criteria;
  }

  visit(node: ts.Node): void {
    if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return this.visitImport(node);
    if (this.isDead(node)) this.remove(removablePart(node, this.criteria.isTest));
    ts.forEachChild(node, (child) => this.visit(child));
  }

  private visitImport(node: ts.ImportDeclaration | ts.ExportDeclaration): void {
    const { moduleSpecifier } = node;
    const path = moduleSpecifier && ts.isStringLiteral(moduleSpecifier) ? moduleSpecifier.text : '';
    if (!path || !this.criteria.isDead(path, '')) return this.visitNames(node, path);
    this.remove(node);
    for (const name of importedNames(node)) this.removeUsesOfName(name, this.source);
  }

  private visitNames(node: ts.ImportDeclaration | ts.ExportDeclaration, path: string): void {
    const bindings = (node as ts.ImportDeclaration).importClause?.namedBindings;
    if (!path || !bindings || !ts.isNamedImports(bindings)) return;
    const dead = bindings.elements.filter(({ name, propertyName }) =>
      this.criteria.isDead(path, (propertyName ?? name).text),
    );
    if (dead.length === bindings.elements.length && dead.length > 0) this.remove(node);
    else dead.forEach((element) => this.remove(element));
    for (const { name } of dead) this.removeUsesOfName(name.text, this.source);
  }

  private isDead(node: ts.Node): boolean {
    const { names, strings, isTest } = this.criteria;
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) return names.test(node.text);
    if (isTestTitle(node)) return false;
    if (ts.isRegularExpressionLiteral(node)) return isTest && strings.test(node.text);
    if (isText(node)) return strings.test(node.text) || names.test(node.text);
    return ts.isCallExpression(node) && this.isDeadImportCall(node);
  }

  private isDeadImportCall({ expression, arguments: [path] }: ts.CallExpression): boolean {
    if (expression.kind !== ts.SyntaxKind.ImportKeyword || !path) return false;
    return ts.isStringLiteral(path) && this.criteria.isDead(path.text, '');
  }

  private remove(node: ts.Node): void {
    if (this.done.has(node)) return;
    this.done.add(node);
    this.result.ranges.push(rangeOf(node));
    this.removeUsesOfDeclared(node);
  }

  /** The names that a removed part declares are dead as well. */
  private removeUsesOfDeclared(node: ts.Node): void {
    if (ts.isVariableStatement(node)) {
      const names = node.declarationList.declarations.flatMap(({ name }) => boundNames(name));
      names.forEach((name) => this.removeUsesOfName(name, scopeOf(node), isExported(node)));
    } else if (isNamedDeclaration(node) && node.name) {
      this.removeUsesOfName(node.name.text, scopeOf(node), isExported(node));
    } else if (ts.isParameter(node)) {
      this.removeUsesOfParameter(node);
    } else if (ts.isClassElement(node) && node.name && ts.isClassLike(node.parent)) {
      this.removeUsesOfMember(node.name.getText(), node.parent);
    }
  }

  private removeUsesOfParameter(node: ts.ParameterDeclaration): void {
    const owner = node.parent;
    const isProperty = ts.isConstructorDeclaration(owner) && (ts.getModifiers(node)?.length ?? 0) > 0;
    if (isProperty) this.removeUsesOfMember(node.name.getText(), owner.parent);
    for (const name of boundNames(node.name)) this.removeUsesOfName(name, owner);
  }

  private removeUsesOfName(name: string, scope: ts.Node, exported = false): void {
    if (exported) this.result.exports.push(name);
    const visit = (node: ts.Node): void => {
      if (ts.isImportDeclaration(node)) return;
      if (ts.isIdentifier(node) && node.text === name && isReference(node) && !isShadowed(node, scope)) {
        this.remove(removablePart(node, this.criteria.isTest));
      }
      ts.forEachChild(node, visit);
    };
    visit(scope);
  }

  private removeUsesOfMember(name: string, owner: ts.Node): void {
    const visit = (node: ts.Node): void => {
      const isUse = ts.isPropertyAccessExpression(node) && node.expression.kind === ts.SyntaxKind.ThisKeyword;
      if (isUse && node.name.getText() === name) this.remove(removablePart(node, this.criteria.isTest));
      ts.forEachChild(node, visit);
    };
    visit(owner);
  }
}

const isText = (node: ts.Node): node is ts.LiteralLikeNode =>
  ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node);
