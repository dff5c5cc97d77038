import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { ProjectCopy } from '../support/project-copy.ts';

const LIMIT_MS = 240_000;
const UNCHANGED = 'dist/src/app.roles.js';
const CHANGED = 'dist/src/healthcheck.js';
const SOURCE = 'src/healthcheck.ts';

let copy: ProjectCopy;

beforeAll(() => {
  copy = new ProjectCopy();
});

afterAll(() => copy.remove());

const build = () => copy.run('scripts/build.ts');
const writtenAt = (file: string) => statSync(join(copy.root, file)).ctimeMs;

describe('npm run build', () => {
  it(
    'replaces only the files that have changed, and nothing after a syntax error',
    () => {
      expect(build()).toMatchObject({ code: 0 });
      const before = { unchanged: writtenAt(UNCHANGED), changed: writtenAt(CHANGED) };

      copy.write(SOURCE, `${copy.read(SOURCE)}\nprocess.title = 'changed';\n`);
      const second = build();
      const changed = copy.read(CHANGED);
      copy.write(SOURCE, `${copy.read(SOURCE)}\nconst = 1;\n`);
      const third = build();

      expect(second).toMatchObject({ code: 0 });
      expect(third).toEqual({ code: 1, output: expect.stringContaining('healthcheck.ts') });
      expect(writtenAt(UNCHANGED)).toBe(before.unchanged);
      expect(writtenAt(CHANGED)).toBeGreaterThan(before.changed);
      expect(changed).toContain(`process.title = 'changed'`);
      expect(copy.read(CHANGED)).toBe(changed);
      expect(copy.read(`${CHANGED}.map`)).toContain('"sources":["../../src/healthcheck.ts"]');
      expect(readdirSync(join(copy.root, 'dist')).toSorted()).toEqual(['migrations', 'pages', 'src']);
    },
    LIMIT_MS,
  );
});
