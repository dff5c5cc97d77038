import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type DynamicModule, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { DomainEvents } from '../../src/platform/events/domain-events.ts';
import { type Seed, Seeds, SeedsModule } from '../../src/platform/seeds/seeds.module.ts';
import { userCreated } from '../../src/users/users.events.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { visitor } from '../support/client.ts';

/** A feature that makes a profile for every account. */
@Injectable()
class Profiles implements OnModuleInit {
  readonly owners: string[] = [];
  /** The number of profiles at each run of the feature's seed. */
  readonly seeded: number[] = [];

  constructor(private readonly events: DomainEvents) {}

  onModuleInit(): void {
    this.events.on(userCreated, async ({ data }) => {
      this.owners.push(data.email);
    });
  }
}

const profilesSeed: Seed = {
  name: 'a-profiles',
  after: ['accounts'],
  async run(app) {
    const { owners, seeded } = app.get(Profiles);
    seeded.push(owners.length);
  },
};

@Module({ providers: [Profiles], exports: [Profiles] })
class ProfilesModule {}

const profiles: DynamicModule = {
  module: ProfilesModule,
  imports: [SeedsModule.forFeature([profilesSeed])],
};

let app: TestApp;

beforeAll(async () => {
  app = await TestApp.start({ modules: [profiles] });
});

afterAll(() => app.stop());

describe('the seeds', () => {
  it('run in the order of their dependencies, with domain events, and change nothing at the second run', async () => {
    const { owners, seeded } = app.api.get(Profiles);

    const names = await app.api.get(Seeds).run(app.api);
    await app.api.get(Seeds).run(app.api);

    expect(names.indexOf('accounts')).toBeLessThan(names.indexOf('a-profiles'));
    expect(owners).toEqual([app.config.ADMIN_EMAIL, 'user@example.com']);
    expect(seeded).toEqual([2, 2]);
    const { status } = await visitor(app).signIn('user@example.com', 'development-only-user');
    expect(status).toBe(200);
  });

  it('name a seed that is missing, and seeds that depend on each other', async () => {
    const seeds = new Seeds();
    const run = async () => undefined;
    seeds.add([{ name: 'a', after: ['b'], run }]);
    await expect(seeds.run(app.api)).rejects.toThrow('Seed a needs b, which no feature registers');

    seeds.add([{ name: 'b', after: ['a'], run }]);
    await expect(seeds.run(app.api)).rejects.toThrow('Seeds depend on each other: a → b → a');
  });
});

describe('the factory of users', () => {
  it('creates accounts that other features react to', async () => {
    const { user } = await createUser(app);

    expect(app.api.get(Profiles).owners).toContain(user.email);
  });
});
