import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { oauthSettings } from '../../src/platform/config/oauth-settings.ts';
import { httpUrl, optional, withDefault } from '../../src/platform/config/setting-fields.ts';
import { GitlabProvider } from '../support/gitlab-provider.ts';
import { blocksNotIn } from '../support/guide.ts';
import { redirectUri } from '../support/providers/attempt.ts';
import { personFrom, PRESET_PERSONS } from '../support/providers/person.ts';
import { type Providers, startProviders } from '../support/providers/providers.ts';
import { visit } from '../support/providers/visit.ts';

const idText = z.string().max(500);

const ada = personFrom('google', PRESET_PERSONS[0]!);

/** The settings of the guide. */
const gitlabSettings = {
  GITLAB_CLIENT_ID: optional(idText).describe('Application on GitLab. Empty: no sign-in with GitLab.'),
  GITLAB_CLIENT_SECRET: optional(idText).describe('Secret of that application.'),
  GITLAB_ISSUER: withDefault(httpUrl, 'https://gitlab.com').describe('GitLab, or a server of your own.'),
};

it('has the code of the guide', () => {
  const files = ['support/gitlab-provider.ts', 'e2e/provider-guide.spec.ts'];

  expect(blocksNotIn('add-a-provider.md', files)).toEqual([]);
});

describe('the provider of the guide', () => {
  let providers: Providers;
  let gitlab: GitlabProvider;

  beforeAll(async () => {
    // Google and GitLab speak the same protocol.
    providers = await startProviders();
    providers.control.person('google', ada);
    gitlab = new GitlabProvider(providers.google);
  });

  afterAll(() => providers.stop());

  const newSecrets = () => {
    const [state, nonce, codeVerifier] = [1, 2, 3].map(() => randomBytes(32).toString('base64url'));
    return { state: state!, nonce: nonce!, codeVerifier: codeVerifier!, redirectUri: redirectUri('google') };
  };

  it('reads the profile of a user who signs in', async () => {
    const secrets = newSecrets();

    const { fields } = await visit(await gitlab.authorizationUrl(secrets));
    const profile = await gitlab.fetchProfile(
      { code: fields.get('code')!, iss: fields.get('iss')! },
      secrets,
    );

    expect(profile).toEqual({
      subject: ada.subject,
      email: 'ada@example.com',
      emailVerified: true,
      isRelay: false,
      displayName: 'Ada Lovelace',
    });
  });

  it('rejects the code of another attempt', async () => {
    const { fields } = await visit(await gitlab.authorizationUrl(newSecrets()));

    const profile = gitlab.fetchProfile({ code: fields.get('code')!, iss: fields.get('iss')! }, newSecrets());

    await expect(profile).rejects.toMatchObject({ name: 'PROVIDER_ERROR' });
  });

  it('has settings as the other providers', () => {
    const given = { GITLAB_CLIENT_ID: 'id', GITLAB_CLIENT_SECRET: 'secret' };

    expect(z.object({ ...oauthSettings, ...gitlabSettings }).parse(given)).toMatchObject({
      ...given,
      GITLAB_ISSUER: 'https://gitlab.com',
    });
  });
});
