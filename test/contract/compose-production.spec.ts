import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { settingsSchema } from '../../src/platform/config/settings.ts';

interface Service {
  init?: boolean;
  read_only?: boolean;
  restart: string;
  mem_limit?: string;
  cap_drop?: string[];
  security_opt?: string[];
  stop_grace_period?: string;
  ports?: string[];
  command?: string[];
  environment?: Record<string, string>;
}

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const text = read('docker-compose.production.yml');
const { services } = parse(text, { merge: true }) as { services: Record<string, Service> };
const programs = Object.entries(services).filter(([name]) => /^(api|worker)-\d$/.test(name));

describe('docker-compose.production.yml', () => {
  it('runs three API processes and two workers, with limits and without capabilities', () => {
    expect(programs.map(([name]) => name)).toEqual(['api-1', 'api-2', 'api-3', 'worker-1', 'worker-2']);
    for (const [, service] of programs) {
      expect(service).toMatchObject({
        init: true,
        read_only: true,
        restart: 'unless-stopped',
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
        stop_grace_period: '35s',
        mem_limit: expect.any(String),
      });
    }
  });

  it('has no default secrets, and gives the role of the migrations to them only', () => {
    const variables = [...text.matchAll(/\$\{(\w+)(:[^}]*)?\}/g)].map(([, name, rest]) => [name, rest]);
    const withDefault = variables.filter(([, rest]) => rest !== ':?').map(([name]) => name);

    expect(withDefault).toEqual(['HTTP_PORT', 'HTTPS_PORT']);
    const owners = Object.entries(services).filter(([, { environment }]) =>
      JSON.stringify(environment ?? {}).includes('OWNER_DATABASE_PASSWORD'),
    );
    expect(owners.map(([name]) => name)).toEqual(['migrate', 'postgres']);
  });

  it('opens only the ports of the proxy', () => {
    const open = Object.entries(services).filter(([, { ports }]) => ports);

    expect(open.map(([name]) => name)).toEqual(['proxy']);
  });

  it('uses settings of this application', () => {
    const names = Object.keys(settingsSchema.shape);
    const used = programs.flatMap(([, { environment }]) => Object.keys(environment ?? {}));

    expect(used.filter((name) => !names.includes(name))).toEqual([]);
  });

  it('closes idle connections in nginx before the API does, and waits longer than a heartbeat', () => {
    const nginx = read('docker/production/nginx.conf');
    const settings = settingsSchema.parse({ DATABASE_URL: 'postgres://localhost/app' });
    const secondsOf = (name: string) => Number(new RegExp(`^\\s*${name} (\\d+)s;`, 'm').exec(nginx)?.[1]);

    expect(secondsOf('keepalive_timeout')).toBeLessThan(settings.KEEP_ALIVE_SECONDS);
    expect(secondsOf('proxy_read_timeout')).toBeGreaterThan(2 * settings.STREAM_HEARTBEAT_SECONDS);
  });
});
