import ts from 'typescript';

/** Properties without which the rest of an object has no meaning. */
const ESSENTIAL = new Set([
  'provide',
  'useFactory',
  'useClass',
  'useValue',
  'inject',
  'imports',
  'href',
  'path',
  'table',
]);

type NamedDeclaration =
  ts.FunctionDeclaration | ts.ClassDeclaration | ts.InterfaceDeclaration | ts.TypeAliasDeclaration;

export const isNamedDeclaration = (node: ts.Node): node is NamedDeclaration =>
  ts.isFunctionDeclaration(node) ||
  ts.isClassDeclaration(node) ||
  ts.isInterfaceDeclaration(node) ||
  ts.isTypeAliasDeclaration(node);

export const isExported = (node: ts.Node): boolean =>
  ts.canHaveModifiers(node) &&
  (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword);

export function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((element) =>
    ts.isOmittedExpression(element) ? [] : boundNames(element.name),
  );
}

/** Whether the identifier uses a variable: it is not a name after a dot, a key or a declaration. */
export function isReference(node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isImportSpecifier(parent)) return false;
  if (ts.isQualifiedName(parent)) return parent.right !== node;
  if (ts.isBindingElement(parent)) return parent.initializer === node;
  // A shorthand property is both a key and a use.
  if (ts.isShorthandPropertyAssignment(parent)) return true;
  return !('name' in parent && parent.name === node);
}

/** Whether a function between the use and the scope has a parameter of the same name. */
export function isShadowed(node: ts.Identifier, scope: ts.Node): boolean {
  for (let at: ts.Node = node; at !== scope && at.parent; at = at.parent) {
    if (!ts.isFunctionLike(at) || at === scope) continue;
    if (at.parameters.some(({ name }) => boundNames(name).includes(node.text))) return true;
  }
  return false;
}

export function scopeOf(node: ts.Node): ts.Node {
  let at = node.parent;
  while (!ts.isBlock(at) && !ts.isSourceFile(at) && !ts.isModuleBlock(at)) at = at.parent;
  return at;
}

/** The title of a test may mention names that the test does not need. */
export const isTestTitle = ({ parent }: ts.Node): boolean =>
  parent && ts.isCallExpression(parent) && /^(it|test|describe)\b/.test(parent.expression.getText());

/** In tests, the whole test is removed, because the rest of it proves nothing. */
function enclosingTest(node: ts.Node): ts.Node | undefined {
  for (let at = node; at.parent; at = at.parent) {
    if (!ts.isExpressionStatement(at) || !ts.isCallExpression(at.expression)) continue;
    if (/^(it|test)\b/.test(at.expression.expression.getText())) return at;
  }
  return undefined;
}

export function removablePart(node: ts.Node, isTest: boolean): ts.Node {
  const part = smallestPart(node);
  // A regular expression is one of several expectations about an output. The others still prove something.
  if (!isTest || ts.isRegularExpressionLiteral(node)) return part;
  const test = enclosingTest(node);
  // A row of it.each is outside of the test's function: only the row is removed.
  const inFunction = test && isInFunctionOf(test, node);
  return inFunction ? test : part;
}

function isInFunctionOf(test: ts.Node, node: ts.Node): boolean {
  for (let at = node; at !== test; at = at.parent) {
    if (ts.isFunctionLike(at) && at.parent.parent === test) return true;
  }
  return smallestPart(node) === test;
}

function smallestPart(start: ts.Node): ts.Node {
  for (let node = start; node.parent; node = node.parent) {
    const part = partAt(node);
    if (part) return part;
  }
  return start;
}

/** Returns the node if it can be removed as a whole. Undefined: look at its parent. */
function partAt(node: ts.Node): ts.Node | undefined {
  const { parent } = node;
  if (ts.isArrayLiteralExpression(parent)) return isPartOfRow(parent) ? undefined : node;
  if (ts.isUnionTypeNode(parent) || isOperand(node)) return node;
  if (ts.isObjectLiteralElementLike(node)) return isEssential(node) ? undefined : node;
  return isPart(node) || isRemovableStatement(node) ? node : undefined;
}

const isEssential = ({ name }: ts.ObjectLiteralElementLike): boolean => ESSENTIAL.has(name?.getText() ?? '');

const isRemovableStatement = (node: ts.Node): boolean =>
  ts.isStatement(node) && !ts.isReturnStatement(node) && !ts.isBlock(node) && isInBlock(node);

const isPart = (node: ts.Node): boolean =>
  ts.isDecorator(node) ||
  ts.isParameter(node) ||
  ts.isHeritageClause(node) ||
  ts.isTypeElement(node) ||
  ts.isEnumMember(node) ||
  ts.isCaseClause(node) ||
  ts.isImportSpecifier(node) ||
  ts.isExportSpecifier(node) ||
  (ts.isClassElement(node) && ts.isClassLike(node.parent));

const isInBlock = ({ parent }: ts.Node): boolean =>
  ts.isBlock(parent) ||
  ts.isSourceFile(parent) ||
  ts.isModuleBlock(parent) ||
  ts.isCaseOrDefaultClause(parent);

/** One of several conditions, which can be left out without the feature: `a || removed`, `a && !removed`. */
function isOperand({ parent, kind }: ts.Node): boolean {
  if (!ts.isBinaryExpression(parent)) return false;
  const { kind: operator } = parent.operatorToken;
  if (operator === ts.SyntaxKind.BarBarToken) return true;
  const isNegated = kind === ts.SyntaxKind.PrefixUnaryExpression;
  return operator === ts.SyntaxKind.AmpersandAmpersandToken && isNegated;
}

/** A list that loses no single element: a row of a table, the names of a destructuring, a `forFeature` of one. */
const isPartOfRow = (list: ts.ArrayLiteralExpression): boolean =>
  ts.isArrayLiteralExpression(list.parent) ||
  (ts.isVariableDeclaration(list.parent) && ts.isArrayBindingPattern(list.parent.name)) ||
  (list.elements.length === 1 && isListOfFeature(list));

/** For example the list in `X.forFeature([only])`, which means nothing when it is empty. */
const isListOfFeature = ({ parent }: ts.ArrayLiteralExpression): boolean =>
  ts.isCallExpression(parent) && parent.expression.getText().endsWith('.forFeature');

/** The range of a node with its comments, and with the comma of its list. */
export function rangeOf(node: ts.Node): [number, number] {
  const text = node.getSourceFile().text;
  const { end } = node;
  const [comma] = /^\s*,/.exec(text.slice(end)) ?? [];
  if (comma && isInList(node)) return [node.getFullStart(), end + comma.length];
  const before = /,\s*$/.exec(text.slice(0, node.getFullStart()));
  if (before && isInList(node)) return [before.index, end];
  if (ts.isUnionTypeNode(node.parent)) return rangeWith(node, '|');
  // The comment at the top belongs to the file.
  if (ts.isImportDeclaration(node) && node.getFullStart() === 0) return [node.getStart(), end];
  if (isOperand(node)) return rangeWith(node, (node.parent as ts.BinaryExpression).operatorToken.getText());
  return [node.getFullStart(), end];
}

const isInList = ({ parent, kind }: ts.Node): boolean =>
  ts.isArrayLiteralExpression(parent) ||
  ts.isObjectLiteralExpression(parent) ||
  ts.isNamedImports(parent) ||
  ts.isNamedExports(parent) ||
  ts.isObjectBindingPattern(parent) ||
  ts.isEnumDeclaration(parent) ||
  kind === ts.SyntaxKind.Parameter;

/** The range of an operand with the operator before it, or after it if the operand is the first. */
function rangeWith(node: ts.Node, operator: string): [number, number] {
  const { text } = node.getSourceFile();
  const before = text.slice(0, node.getFullStart()).trimEnd();
  if (before.endsWith(operator)) return [before.length - operator.length, node.end];
  const after = text.slice(node.end);
  const next = after.trimStart().startsWith(operator) ? after.indexOf(operator) + operator.length : 0;
  return [node.getFullStart(), node.end + next];
}

/** The names that an import declares. */
export function importedNames(node: ts.ImportDeclaration | ts.ExportDeclaration): string[] {
  const clause = ts.isImportDeclaration(node) ? node.importClause : undefined;
  const { name, namedBindings: bindings } = clause ?? {};
  const names = name ? [name.text] : [];
  if (!bindings) return names;
  if (ts.isNamespaceImport(bindings)) return [...names, bindings.name.text];
  return [...names, ...bindings.elements.map((element) => element.name.text)];
}
