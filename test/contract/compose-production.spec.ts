import { describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { addDependentDefaults, settingsSchema } from '../../src/platform/config/settings.ts';
import { UnavailableError } from '../../src/platform/errors/platform.errors.ts';

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
const caddyfile = read('docker/production/Caddyfile');
const settings = addDependentDefaults(
  settingsSchema.parse({ NODE_ENV: 'production', DATABASE_URL: 'postgres://localhost/app' }),
);
/** A duration in the Caddyfile. */
function secondsOf(name: string): number {
  const [, value, unit] = new RegExp(`^\\s*${name} (\\d+)(m?s)$`, 'm').exec(caddyfile) ?? [];
  return Number(value) / (unit === 'ms' ? 1_000 : 1);
}
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

    expect([...new Set(withDefault)]).toEqual(['HTTP_PORT', 'HTTPS_PORT']);
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

  it('starts Caddy with the variables of its configuration', () => {
    const used = [...caddyfile.matchAll(/\{\$(\w+)\}/g)].map(([, name]) => name);

    expect(Object.keys(services['proxy']?.environment ?? {})).toEqual([...new Set(used)]);
  });

  it('sends requests to every API process', () => {
    const upstreams = /reverse_proxy (.+) \{/.exec(caddyfile)?.[1]?.split(' ');

    expect(upstreams).toEqual(['api-1', 'api-2', 'api-3'].map((name) => `${name}:${settings.PORT}`));
  });

  it('closes idle connections in Caddy before the API does, and streams never', () => {
    expect(caddyfile).not.toContain('read_timeout');
    expect(secondsOf('keepalive')).toBeLessThan(settings.KEEP_ALIVE_SECONDS);
  });

  it('tries another process when one does not accept the connection', () => {
    expect(secondsOf('dial_timeout')).toBeLessThan(secondsOf('lb_try_duration'));
  });

  it('notices that a process shuts down before that process closes its port', () => {
    expect(caddyfile).toContain('health_uri /health/ready');
    expect(secondsOf('health_interval') + secondsOf('health_timeout')).toBeLessThan(
      settings.SHUTDOWN_DRAIN_SECONDS,
    );
  });

  it('responds with the problem UNAVAILABLE when no API process is ready', () => {
    const body = /respond `(.+)`/.exec(caddyfile)?.[1]?.replace('{err.status_code}', '503');
    const { code, title, status } = new UnavailableError().problem;

    expect(JSON.parse(String(body))).toEqual({
      type: `https://{$SITE_ADDRESS}/problems/${code}`,
      title,
      status,
      code,
      detail: expect.any(String),
    });
  });
});
