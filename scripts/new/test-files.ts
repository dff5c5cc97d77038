import { changedField, type Field } from './fields.ts';
import { newBody, referenceTests } from './reference-files.ts';
import { type Feature, lines, referencesIn, requiredIn } from './table-files.ts';

/** Literals of the schemas, as JSON in a test. */
export const inTests = (literal: string): string =>
  literal
    .replace('sample.later', `'2026-12-02T12:00:00.000Z'`)
    .replace('sample.earlier', `'2026-12-02T11:00:00.000Z'`)
    .replace(/sample\.\w+/, `'0199a3b8-02c4-7d55-8e0a-5b7c9d1e2f30'`);

export const changeOf = ({ fields }: Feature): { name: string; value: string } => {
  const { name, other } = changedField(fields);
  return { name, value: inTests(other) };
};

export function matrixFile(feature: Feature): string {
  const { Singular, Plural, variable, singular } = feature.names;
  const { name, value } = changeOf(feature);
  const required = requiredIn(feature.fields);
  // A target that is hidden from the caller is 404.
  const others = required.some(({ references: { policy } }) => policy) ? 404 : 201;
  const creation =
    required.length > 0
      ? `rule([401, ${others}, 201, ${others}], { of: references, body: new${Singular} })`
      : `rule([401, 201, 201, 201], { body: new${Singular}() })`;
  return `
import { ${factoryNames(feature)} } from '../../factories/${singular}.factory.ts';
import { rule, type Rule, type Thing } from '../authorization-rule.ts';

/** Creates one of the owner. */
export const ${variable}: Thing = async (_app, owner) => (await create${Singular}(owner)).id;
${
  required.length > 0
    ? `
/** What a new one refers to. */
export const references: Thing = async (_app, owner) => ${variable}References(owner);
`
    : ''
}
export const rows: Record<string, Rule> = {
  //             anonymous other owner admin
  list${Plural}: rule([401, 200, 200, 200], { of: ${variable} }),
  create${Singular}: ${creation},
  get${Singular}: rule([401, 404, 200, 404], { of: ${variable} }),
  update${Singular}: rule([401, 404, 200, 404], { of: ${variable}, body: { ${name}: ${value} } }),
  delete${Singular}: rule([401, 404, 204, 404], { of: ${variable} }),
};
`;
}

/** The names that the tests import from the factory. */
export const factoryNames = ({ names: { Singular, variable }, fields }: Feature): string =>
  [`create${Singular}`, `new${Singular}`, ...(requiredIn(fields).length > 0 ? [`${variable}References`] : [])]
    .toSorted()
    .join(', ');

export function testFile(feature: Feature): string {
  const { Singular, plural, singular, word, words, aWord } = feature.names;
  const { name, value } = changeOf(feature);
  const unique = feature.fields.find(({ isUnique }) => isUnique);
  const references = referencesIn(feature.fields);
  const factories = new Map(
    references.flatMap(({ references: { factory } }) => (factory ? [[factory.name, factory.file]] : [])),
  );
  return `
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
${references.length > 0 ? `import { randomUUID } from 'node:crypto';` : ''}
${lines([...factories], ([factory, file]) => `import { ${factory} } from '../factories/${file}';`)}
import { ${factoryNames(feature)} } from '../factories/${singular}.factory.ts';
import { TestApp } from '../support/app.ts';
import { signedIn } from '../support/client.ts';

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start();
});

afterAll(() => app.stop());

describe('POST /v1/${plural}', () => {
  it('creates ${aWord} of the caller', async () => {
    const owner = await signedIn(app);
    const body = ${newBody(feature)};

    const created = await owner.post('/v1/${plural}', body);

    expect(created).toMatchObject({ status: 201, body: { data: body } });
    const read = await owner.get(created.headers['location']!);
    expect(read.body).toEqual(created.body);
    expect(read.headers['etag']).toBe(created.headers['etag']);
  });
${unique ? duplicateTest('POST', unique, feature) : ''}});

describe('GET /v1/${plural}', () => {
  it('lists the ${words} of the caller, newest first', async () => {
    const [owner, other] = [await signedIn(app), await signedIn(app)];
    const first = await create${Singular}(owner);
    const second = await create${Singular}(owner);
    await create${Singular}(other);

    const { body } = await owner.get('/v1/${plural}');

    expect(body.data.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
  });
});

describe('PATCH /v1/${plural}/{id}', () => {
  it('changes only the given properties', async () => {
    const owner = await signedIn(app);
    const { id } = await create${Singular}(owner);
    const before = await owner.get(\`/v1/${plural}/\${id}\`);

    const response = await owner.patch(\`/v1/${plural}/\${id}\`, { ${name}: ${value} });

    expect(response.status).toBe(200);
    expect(response.body.data).toEqual({
      ...before.body.data,
      ${name}: ${value},
      updatedAt: expect.any(String),
    });
  });

  it('returns 412 for an old version', async () => {
    const owner = await signedIn(app);
    const { id } = await create${Singular}(owner);
    const { headers } = await owner.get(\`/v1/${plural}/\${id}\`);
    await owner.patch(\`/v1/${plural}/\${id}\`, { ${name}: ${value} });

    const response = await owner.patch(\`/v1/${plural}/\${id}\`, {}).set('if-match', headers['etag']!);

    expect(response).toMatchObject({ status: 412, body: { code: 'PRECONDITION_FAILED' } });
  });
${unique ? duplicateTest('PATCH', unique, feature) : ''}});

describe('DELETE /v1/${plural}/{id}', () => {
  it('deletes the ${word}', async () => {
    const owner = await signedIn(app);
    const { id } = await create${Singular}(owner);

    const deleted = await owner.delete(\`/v1/${plural}/\${id}\`);

    expect(deleted.status).toBe(204);
    expect((await owner.get(\`/v1/${plural}/\${id}\`)).status).toBe(404);
  });

  it('returns 404 for the ${word} of another user', async () => {
    const [owner, other] = [await signedIn(app), await signedIn(app)];
    const { id } = await create${Singular}(owner);

    const response = await other.delete(\`/v1/${plural}/\${id}\`);

    expect(response).toMatchObject({ status: 404, body: { code: 'NOT_FOUND' } });
    expect((await owner.get('/v1/${plural}')).body.data).toHaveLength(1);
  });
});
${lines(references, (field) => referenceTests(field, feature))}`;
}

function duplicateTest(method: 'POST' | 'PATCH', { name }: Field, feature: Feature): string {
  const { names } = feature;
  const { Singular, plural, code, aWord } = names;
  const send =
    method === 'POST'
      ? `
    const response = await owner.post('/v1/${plural}', taken);`
      : `const { id } = await create${Singular}(owner);

    const response = await owner.patch(\`/v1/${plural}/\${id}\`, { ${name}: taken.${name} });`;
  return `
  it('returns 409 for ${aWord} that the caller already has', async () => {
    const owner = await signedIn(app);
    const taken = ${newBody(feature)};
    await create${Singular}(owner, taken);
    ${send}

    expect(response).toMatchObject({ status: 409, body: { code: '${code}_EXISTS' } });
  });
`;
}
