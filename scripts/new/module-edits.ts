/** Edits of source files by their syntax tree. Prettier formats the result and sorts the imports. */
import ts from 'typescript';
import { UsageError } from '../usage-error.ts';

type ModuleList = 'imports' | 'providers';

/** Imports a name, in the import of the same file if there is one. */
export function addImport(content: string, name: string, path: string, isType = false): string {
  const imports = parse(content).statements.filter((statement) => ts.isImportDeclaration(statement));
  const same = imports.filter(({ moduleSpecifier }) => (moduleSpecifier as ts.StringLiteral).text === path);
  const lists = same.flatMap(({ importClause }) => {
    const names = importClause?.namedBindings;
    const isWrongKind = !isType && importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword;
    return names && ts.isNamedImports(names) ? [{ names, importClause, isWrongKind }] : [];
  });
  const isImported = lists.some(
    ({ names, isWrongKind }) => !isWrongKind && names.elements.some((element) => element.name.text === name),
  );
  if (isImported) return content;
  const list = lists.find(({ isWrongKind }) => !isWrongKind);
  if (!list)
    return insert(
      content,
      imports.at(-1)?.end ?? 0,
      `\nimport ${isType ? 'type ' : ''}{ ${name} } from '${path}';\n`,
    );
  const isInline = isType && list.importClause?.phaseModifier === undefined;
  return insert(content, list.names.elements.at(-1)!.end, `, ${isInline ? 'type ' : ''}${name}`);
}

/** Adds an entry to a list of the decorator of the module in this file. */
export function addToModule(content: string, list: ModuleList, entry: string): string {
  const options = moduleOptions(content);
  const found = listIn(options, list);
  if (found) return addElement(content, listOf(found), entry);
  return insert(content, options.getStart() + 1, ` ${list}: [${entry}],`);
}

export const importModule = (content: string, name: string, path: string): string =>
  addImport(addToModule(content, 'imports', name), name, path);

/** Registers an item of a feature: `JobsModule.forFeature([…, item])`. */
export function registerInModule(content: string, registry: string, item: string): string {
  const calls = listIn(moduleOptions(content), 'imports')?.elements.filter((node) =>
    ts.isCallExpression(node),
  );
  const call = calls?.find(({ expression }) => expression.getText() === `${registry}.forFeature`);
  const [items] = call?.arguments ?? [];
  if (items && ts.isArrayLiteralExpression(items)) return addElement(content, listOf(items), item);
  return addToModule(content, 'imports', `${registry}.forFeature([${item}])`);
}

/** Adds a property to the object in `const name = call({ … })`. */
export function addProperty(content: string, variable: string, property: string): string {
  const declarations = parse(content)
    .statements.filter((statement) => ts.isVariableStatement(statement))
    .flatMap(({ declarationList }) => declarationList.declarations);
  const found = declarations.find(({ name }) => name.getText() === variable)?.initializer;
  const [object] = found && ts.isCallExpression(found) ? found.arguments : [];
  if (!object || !ts.isObjectLiteralExpression(object))
    throw new UsageError(`Found no object in ${variable}: add this by hand: ${property}`);
  return addElement(content, { start: object.getStart(), elements: object.properties }, property);
}

/**
 * Injects a class. Returns the property: an existing one if the class is injected already. If another member has the name,
 * the property is named as the class.
 */
export function injectInto(
  content: string,
  className: string,
  dependency: { name: string; type: string },
): { content: string; property: string } {
  const declaration = classIn(content, className);
  const constructor = declaration.members.find((member) => ts.isConstructorDeclaration(member));
  const parameters = constructor?.parameters ?? [];
  const same = parameters.find(({ type }) => type?.getText() === dependency.type);
  if (same) return { content, property: same.name.getText() };
  const isTaken = [...parameters, ...declaration.members].some(
    ({ name }) => name?.getText() === dependency.name,
  );
  const property = isTaken ? lowerFirst(dependency.type) : dependency.name;
  const parameter = `private readonly ${property}: ${dependency.type}`;
  const last = parameters.at(-1);
  if (last) return { content: insert(content, last.end, `, ${parameter}`), property };
  if (constructor) {
    const open = content.indexOf('(', constructor.getStart()) + 1;
    return { content: insert(content, open, parameter), property };
  }
  const [first] = declaration.members;
  const at = first?.getFullStart() ?? declaration.end - 1;
  return { content: insert(content, at, `\nconstructor(${parameter}) {}\n`), property };
}

/** Adds a method after the public methods of a class. */
export function addMethod(content: string, className: string, method: string): string {
  const { members, end } = classIn(content, className);
  const isPrivate = (member: ts.ClassElement) =>
    ts.isMethodDeclaration(member) &&
    member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.PrivateKeyword);
  const first = members.find(isPrivate);
  return insert(content, first?.getFullStart() ?? end - 1, `\n\n${method}\n`);
}

export function hasClass(content: string, className: string): boolean {
  return parse(content).statements.some(
    (statement) => ts.isClassDeclaration(statement) && statement.name?.text === className,
  );
}

function classIn(content: string, className: string): ts.ClassDeclaration {
  const classes = parse(content).statements.filter((statement) => ts.isClassDeclaration(statement));
  const found = classes.find(({ name }) => name?.text === className);
  if (!found) throw new UsageError(`Found no class ${className}.`);
  return found;
}

/** The argument of `@Module` of the first exported class. */
function moduleOptions(content: string): ts.ObjectLiteralExpression {
  const decorators = parse(content)
    .statements.filter((statement) => ts.isClassDeclaration(statement))
    .filter(({ modifiers }) => modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword))
    .flatMap((declaration) => ts.getDecorators(declaration) ?? []);
  for (const { expression } of decorators) {
    if (!ts.isCallExpression(expression) || expression.expression.getText() !== 'Module') continue;
    const [options] = expression.arguments;
    if (options && ts.isObjectLiteralExpression(options)) return options;
  }
  throw new UsageError('Found no @Module({ … }) in the file of the module.');
}

function listIn(
  options: ts.ObjectLiteralExpression,
  list: ModuleList,
): ts.ArrayLiteralExpression | undefined {
  const property = options.properties.find(({ name }) => name?.getText() === list);
  if (!property) return undefined;
  if (!ts.isPropertyAssignment(property) || !ts.isArrayLiteralExpression(property.initializer))
    throw new UsageError(`The ${list} of the module are not a list: write it as ${list}: […].`);
  return property.initializer;
}

interface List {
  /** Where the list opens. */
  start: number;
  elements: readonly ts.Node[];
}

function addElement(content: string, { start, elements }: List, element: string): string {
  const last = elements.at(-1);
  return last ? insert(content, last.end, `, ${element}`) : insert(content, start + 1, element);
}

const listOf = (array: ts.ArrayLiteralExpression): List => ({
  start: array.getStart(),
  elements: array.elements,
});

const lowerFirst = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

const insert = (content: string, at: number, text: string): string =>
  content.slice(0, at) + text + content.slice(at);

const parse = (content: string): ts.SourceFile =>
  ts.createSourceFile('file.ts', content, ts.ScriptTarget.Latest, true);
