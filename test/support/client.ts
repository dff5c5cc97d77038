import type { Test } from 'supertest';
import type { User } from '../../src/users/user.entity.ts';
import { createUser, DEFAULT_PASSWORD, type NewTestUser } from '../factories/user.factory.ts';
import type { TestApp } from './app.ts';
import type { Program } from './program.ts';

/** A user who has signed in through the API. */
export class SignedIn {
  constructor(
    private readonly app: TestApp,
    readonly user: User,
    readonly accessToken: string,
    readonly refreshToken: string,
  ) {}

  get(path: string, instance?: Program): Test {
    return this.signed(this.app.http(instance).get(path));
  }

  post(path: string, body?: object, instance?: Program): Test {
    const request = this.signed(this.app.http(instance).post(path));
    return body ? request.send(body) : request;
  }

  patch(path: string, body: object): Test {
    return this.signed(this.app.http().patch(path)).send(body);
  }

  put(path: string, body?: object): Test {
    return this.signed(this.app.http().put(path)).send(body);
  }

  delete(path: string): Test {
    return this.signed(this.app.http().delete(path));
  }

  private signed(request: Test): Test {
    return request.set('authorization', `Bearer ${this.accessToken}`);
  }
}

/** A new account with a session. */
export async function signedIn(app: TestApp, overrides: Partial<NewTestUser> = {}): Promise<SignedIn> {
  const { user, password } = await createUser(app, overrides);
  const { accessToken, refreshToken } = await login(app, user.email, password);
  return new SignedIn(app, user, accessToken, refreshToken);
}

/** The password of `register`. */
export const NEW_PASSWORD = 'a long enough password';

/** A client without a session, for the routes of anonymous callers. */
export function visitor(app: TestApp, instance?: Program) {
  const post = (path: string, body: object): Test => app.http(instance).post(path).send(body);
  return {
    get: (path: string): Test => app.http(instance).get(path),
    post,
    signIn: (email: string, password = DEFAULT_PASSWORD): Test => post('/v1/auth/login', { email, password }),
    refresh: (refreshToken: unknown): Test => post('/v1/auth/refresh', { refreshToken }),
    register: (email: string, fields: { password?: unknown; displayName?: string } = {}): Test =>
      post('/v1/auth/register', { email, password: NEW_PASSWORD, displayName: 'New', ...fields }),
    verifyEmail: (token: string | undefined, password = NEW_PASSWORD): Test =>
      post('/v1/auth/verify-email', { token, password }),
    resendVerification: (email: string): Test => post('/v1/auth/verify-email/resend', { email }),
    forgotPassword: (email: string): Test => post('/v1/auth/forgot-password', { email }),
    resetPassword: (token: string, password: string): Test =>
      post('/v1/auth/reset-password', { token, password }),
  };
}

export async function login(app: TestApp, email: string, password: string) {
  const response = await visitor(app).signIn(email, password);
  if (response.status !== 200) throw new Error(`Sign-in failed: ${response.status} ${response.text}`);
  return (response.body as { data: { accessToken: string; refreshToken: string } }).data;
}
