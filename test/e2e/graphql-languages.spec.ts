import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { de } from '../../src/notifications/notifications.de.ts';
import { problems as graphqlProblems } from '../../src/platform/graphql/graphql.de.ts';
import { problems } from '../../src/platform/i18n/platform.de.ts';
import { notify } from '../factories/notification.factory.ts';
import { TestApp } from '../support/app.ts';
import { type SignedIn, signedIn } from '../support/client.ts';

let app: TestApp;
let user: SignedIn;

beforeAll(async () => {
  app = await TestApp.start();
  user = await signedIn(app);
});

afterAll(() => app.stop());

describe('an error of GraphQL', () => {
  it('is translated, for a rejected request and for a field', async () => {
    const send = (query: string) => user.post('/graphql', { query }).set('accept-language', 'de-DE');

    const field = await send('{ job(id: "00000000-0000-7000-8000-000000000000") { id } }');
    const rejected = await send('{ me { ...a } } fragment a on User { id }'.repeat(400));

    expect(field.body.errors[0]).toMatchObject({
      message: problems.NOT_FOUND.detail,
      extensions: { code: 'NOT_FOUND' },
    });
    expect(field.headers['content-language']).toBe('de');
    expect(rejected.body.errors[0].extensions.code).toBe('GRAPHQL_TOO_LARGE');
    expect(rejected.body.errors[0].message).toBe(graphqlProblems.GRAPHQL_TOO_LARGE.detail);
  });
});

describe('a notification in GraphQL', () => {
  it('is in the language of the user, whatever the request accepts', async () => {
    await user.patch('/v1/users/me', { locale: 'de' });
    await notify(app, user.user.id);
    const query = '{ notifications(first: 1) { edges { node { title body } } } }';

    const { body } = await user.post('/graphql', { query }).set('accept-language', 'en');

    expect(body.data.notifications.edges[0].node).toEqual(de.jobCompleted('test'));
  });
});
