/** The code that references add to the service of a feature and to its test. */
import {
  type Feature,
  keyName,
  lines,
  type ReferenceField,
  referencesIn,
  requiredIn,
} from './table-files.ts';

interface ServiceParts {
  /** Names to import from typeorm and from postgres-errors.ts. */
  types: string[];
  helpers: string[];
  imports: string;
  onError: string;
  caller: string;
  userId: string;
  assertVisible: (fields: string) => string;
  functions: string;
}

const NONE: ServiceParts = {
  types: [],
  helpers: [],
  imports: '',
  onError: '',
  caller: '{ userId }',
  userId: 'userId',
  assertVisible: () => '',
  functions: '',
};

export function serviceParts({ names, fields }: Feature): ServiceParts {
  const references = referencesIn(fields);
  if (references.length === 0) return NONE;
  const guarded = references.filter(({ references: { policy } }) => policy);
  const policies = new Map(guarded.map(({ references: { policy, folder } }) => [policy, folder]));
  const keys = references.map((field) => `'${keyName(names, field)}'`).join(', ');
  const imports = `
import { NotFoundError } from '../platform/errors/platform.errors.ts';
${lines([...policies], ([policy, folder]) => `import { ${policy} } from '../${folder}/${folder}.policy.ts';`)}`;
  const functions = `
/** The foreign key resolves the race with a deletion of the target. */
function rejectUnknownReference(error: unknown): never {
  const keys: unknown[] = [${keys}];
  if (keys.includes(violatedForeignKey(error))) throw new NotFoundError();
  throw error;
}
`;
  const parts = {
    ...NONE,
    helpers: ['violatedForeignKey'],
    imports,
    onError: '.catch(rejectUnknownReference)',
    functions,
  };
  if (guarded.length === 0) return parts;
  return {
    ...parts,
    types: ['EntityManager'],
    caller: 'caller',
    userId: 'userId: caller.userId',
    assertVisible: (variable) => `\n      await assertVisible(${variable}, caller, tx);`,
    functions: `
/** What is hidden from the caller can't be referred to either: 404. */
async function assertVisible(
  fields: Update${names.Singular},
  caller: Principal,
  tx: EntityManager,
): Promise<void> {
${lines(
  guarded,
  ({ name, references: { policy } }) =>
    `  if (fields.${name}) await ${policy}.get('read', fields.${name}, caller, tx);`,
)}
}
${functions}`,
  };
}

/** The part of the factory that creates the targets of required references. */
export function requiredReferences({ names, fields }: Feature): string {
  const required = requiredIn(fields);
  if (required.length === 0) return '';
  const targets = lines(required, ({ name, references: { factory } }) =>
    factory ? `    ${name}: (await ${factory.name}(owner)).id,` : `    ${name}: owner.user.id,`,
  );
  const isAsync = required.some(({ references: { factory } }) => factory);
  return `
/** The ids that each ${names.word} needs, of new targets. */
export ${isAsync ? 'async ' : ''}function ${names.variable}References(owner: SignedIn) {
  return {
${targets}
  };
}
`;
}

/** A valid body for a test that has the variable `owner`. `fields` are properties: `number: '7'`. */
export function newBody({ names, fields: all }: Feature, fields = ''): string {
  if (requiredIn(all).length === 0) return `new${names.Singular}(${fields && `{ ${fields} }`})`;
  const references = `await ${names.variable}References(owner)`;
  return `new${names.Singular}(${fields ? `{ ...(${references}), ${fields} }` : references})`;
}

/** The tests of one reference. */
export function referenceTests(field: ReferenceField, feature: Feature): string {
  const { names } = feature;
  const { Singular, plural, aWord } = names;
  const { name, references } = field;
  const { factory } = references;
  return `
describe('the ${name} of ${aWord}', () => {
  it('must be known: otherwise 404', async () => {
    const owner = await signedIn(app);
    const { id } = await create${Singular}(owner);
    const unknown = { ${name}: randomUUID() };

    const responses = [
      await owner.post('/v1/${plural}', ${newBody(feature, '...unknown')}),
      await owner.patch(\`/v1/${plural}/\${id}\`, unknown),
    ];

    for (const response of responses) expect(response).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
${factory ? targetTests(field, feature, factory.name) : ''}${references.table === 'users' ? userTest(field, feature) : ''}});
`;
}

const userTest = ({ name }: ReferenceField, feature: Feature): string => `
  it('can be another user', async () => {
    const [owner, other] = [await signedIn(app), await signedIn(app)];

    const response = await owner.post('/v1/${feature.names.plural}', ${newBody(feature, `${name}: other.user.id`)});

    expect(response).toMatchObject({ status: 201, body: { data: { ${name}: other.user.id } } });
  });
`;

function targetTests(
  { name, isOptional, references: { policy, folder } }: ReferenceField,
  feature: Feature,
  factory: string,
): string {
  const { Singular, plural, word } = feature.names;
  const target = name.slice(0, -2);
  const hidden = `
  it('must be visible to the caller: otherwise 404', async () => {
    const [owner, other] = [await signedIn(app), await signedIn(app)];
    const ${target} = await ${factory}(other);

    const response = await owner.post('/v1/${plural}', ${newBody(feature, `${name}: ${target}.id`)});

    expect(response).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
  });
`;
  const title = isOptional
    ? `becomes null when its target is deleted, and the ${word} stays`
    : `is required, so the ${word} is deleted with its target`;
  const check = isOptional
    ? `expect(body.data).toMatchObject({ id, ${name}: null });`
    : `expect(status).toBe(404);`;
  return `${policy ? hidden : ''}
  it('${title}', async () => {
    const owner = await signedIn(app);
    const ${target} = await ${factory}(owner);
    const { id } = await create${Singular}(owner, { ${name}: ${target}.id });

    await owner.delete(\`/v1/${folder}/\${${target}.id}\`);

    const { ${isOptional ? 'body' : 'status'} } = await owner.get(\`/v1/${plural}/\${id}\`);
    ${check}
  });
`;
}
