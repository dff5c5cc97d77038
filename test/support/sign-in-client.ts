import type { Test } from 'supertest';
import type { TestApp } from './app.ts';
import type { Program } from './program.ts';

/** The application trusts a proxy, so that tests can choose the IP address of a request. */
export const behindProxy = { RATE_LIMIT_FACTOR: '1', TRUST_PROXY: '127.0.0.1' };

let addresses = 0;

/** An IP address in another /64 network than all earlier ones. */
function newIpAddress(): string {
  addresses += 1;
  return `2001:db8:${(addresses >> 8).toString(16)}:${(addresses & 255).toString(16)}::1`;
}

/** An anonymous caller at one IP address. */
export class SignInClient {
  constructor(
    private readonly app: TestApp,
    private readonly instance?: Program,
    private readonly ipAddress = newIpAddress(),
  ) {}

  /** The same caller at another instance. */
  at(instance: Program): SignInClient {
    return new SignInClient(this.app, instance, this.ipAddress);
  }

  post(path: string, body: object): Test {
    return this.app.http(this.instance).post(path).set('x-forwarded-for', this.ipAddress).send(body);
  }

  signIn(email: string, password: string): Test {
    return this.post('/v1/auth/login', { email, password });
  }

  /** Returns the statuses. */
  async failTimes(count: number, email: string): Promise<number[]> {
    const statuses: number[] = [];
    for (let attempt = 0; attempt < count; attempt += 1)
      statuses.push((await this.signIn(email, 'a wrong password')).status);
    return statuses;
  }
}
