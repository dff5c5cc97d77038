import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { unzipSync } from 'fflate';
import { accountsOf } from '../support/imports.ts';
import { ReferenceClient, type Tab } from '../support/reference-client.ts';
import { times } from '../support/until.ts';

describe('the jobs of the reference client', () => {
  let client: ReferenceClient;
  let tab: Tab;

  beforeAll(async () => {
    client = await ReferenceClient.start({ worker: false });
  });
  afterAll(() => client?.stop());

  beforeEach(async () => {
    tab = await client.openBrowser();
  });
  afterEach(() => client.closeBrowser());

  it('can be cancelled', async () => {
    await client.signInWithPassword(tab);
    await tab.click('Export my data');
    expect(await tab.shows('Queued.')).toBe(true);

    await tab.click('Cancel');

    expect(await tab.shows('Cancelled.')).toBe(true);
    expect(await tab.page.getByRole('button', { name: 'Download' }).count()).toBe(0);
    expect(client.complaints).toEqual([]);
  });

  describe('with a worker', () => {
    beforeAll(async () => {
      await client.app.startWorker();
    });

    it('show the progress of an export, and offer its file', async () => {
      const { email } = await client.signInWithPassword(tab);

      await tab.click('Export my data');

      expect(await tab.shows('Completed.')).toBe(true);
      expect(await tab.page.getByRole('progressbar', { name: 'Progress' }).getAttribute('value')).toBe('100');
      const { name, content } = await tab.download();
      expect(name).toBe('my-data.zip');
      expect(Buffer.from(unzipSync(content)['profile.json'] ?? []).toString()).toContain(email);
      // The notification of the export.
      expect(await tab.shows('Job completed')).toBe(true);
      expect(client.complaints).toEqual([]);
    });

    it('import the file that an administrator chooses, and offer the report', async () => {
      await client.signInWithPassword(tab, { role: 'admin' });
      const lines = times(2_000, (n) => `import-${n}@example.com,Person ${n}`);
      const csv = ['email,displayName', ...lines, 'nonsense,No Email'].join('\n');
      await tab.watchProgress();
      await tab.page
        .getByLabel(/^CSV file/)
        .setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from(csv) });

      await tab.click('Import users');

      expect(await tab.shows('Completed. 1 failed, 2000 imported')).toBe(true);
      const seen = await tab.progressSeen();
      expect(seen).toEqual(seen.toSorted((a, b) => a - b));
      expect(seen.at(-1)).toBe(100);
      const { name, content } = await tab.download();
      expect(name).toBe('import-report.csv');
      expect(content.toString()).toContain('2002,nonsense,EMAIL_INVALID');
      expect(Object.keys(await accountsOf(client.app, 'import-'))).toHaveLength(2_000);
      expect(client.complaints).toEqual([]);
    });

    it('show why a file was rejected', async () => {
      await client.signInWithPassword(tab, { role: 'admin' });
      await tab.page
        .getByLabel(/^CSV file/)
        .setInputFiles({ name: 'people.csv', mimeType: 'text/csv', buffer: Buffer.from('a,b\n') });

      await tab.click('Import users');

      expect(await tab.shows('Import file invalid')).toBe(true);
    });
  });

  it('offer no import to other users', async () => {
    await client.signInWithPassword(tab);
    await tab.shows('Export my data');

    expect(await tab.page.getByText('Import users').count()).toBe(0);
  });
});
