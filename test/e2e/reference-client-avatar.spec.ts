import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ReferenceClient, type Tab } from '../support/reference-client.ts';
import { S3Program } from '../support/s3/s3-program.ts';
import { until } from '../support/until.ts';
import { FAKE_PNG, PNG } from '../support/uploads.ts';

describe.each(['local', 's3'])('the avatar of the reference client, with the %s storage', (kind) => {
  let s3: S3Program | undefined;
  let client: ReferenceClient;
  let tab: Tab;

  beforeAll(async () => {
    // The server of Docker Compose, at two hosts: one for the API, and one for browsers.
    if (kind === 's3') s3 = await S3Program.start();
    client = await ReferenceClient.start({ worker: false, settings: s3?.settings ?? {} });
  });
  afterAll(async () => {
    await client?.stop();
    await s3?.stop();
  });

  beforeEach(async () => {
    tab = await client.openBrowser();
    await client.signInWithPassword(tab);
  });
  afterEach(() => client.closeBrowser());

  const choose = (name: string, buffer: Buffer) =>
    tab.page.getByLabel('Picture', { exact: true }).setInputFiles({ name, mimeType: 'image/png', buffer });
  const picture = () => tab.page.getByRole('img', { name: 'Your picture' });
  const loadedWidth = async () => {
    await picture().waitFor();
    return picture().evaluate(async (image: { decode(): Promise<void>; naturalWidth: number }) => {
      await image.decode();
      return image.naturalWidth;
    });
  };

  it('is uploaded, shown, replaced and removed', async () => {
    await choose('Zoë (1).png', PNG);
    expect(await loadedWidth()).toBe(1);
    const first = await picture().getAttribute('src');

    await choose('Zoë (1).png', PNG);
    await until(async () => (await picture().getAttribute('src')) !== first, 'the new picture');
    expect(await loadedWidth()).toBe(1);

    await tab.click('Remove picture');

    await picture().waitFor({ state: 'detached' });
    expect(client.complaints).toEqual([]);
  });

  it('is not set if the content is not an image, and the page shows the reason', async () => {
    await choose('script.png', FAKE_PNG);

    expect(await tab.shows('File content invalid: The uploaded bytes do not match')).toBe(true);
    expect(await picture().count()).toBe(0);
  });

  it('loads code from the API only', async () => {
    const policy = (await client.app.http().get('/reference-client/')).headers['content-security-policy'];

    const storage = s3?.publicUrl ?? client.origin;
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain(`img-src 'self' data: ${storage};connect-src 'self' ${storage};`);
  });
});
