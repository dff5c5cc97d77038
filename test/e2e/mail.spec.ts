import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { In } from 'typeorm';
import { z } from 'zod';
import type { Eml } from '../../scripts/demo/eml.ts';
import { Job } from '../../src/jobs/job.entity.ts';
import { defineMail } from '../../src/mail/mail-template.ts';
import { Mail } from '../../src/mail/mail.entity.ts';
import { MailModule } from '../../src/mail/mail.module.ts';
import { MailService, mailSend } from '../../src/mail/mail.service.ts';
import { enqueue, jobRow, untilJob } from '../factories/job.factory.ts';
import { createUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { backends } from '../support/queue-data.ts';
import { SmtpServer } from '../support/smtp.ts';
import { storedText } from '../support/stored-text.ts';
import { times, until } from '../support/until.ts';

const PASSWORD = 'a long enough password';

const testMail = defineMail({
  name: 'test-mail',
  data: z.object({ note: z.string().max(100) }),
  text: ({ note }, locale) => ({
    subject: { en: 'A test mail', de: '[de] A test mail' }[locale],
    paragraphs: [`Note: ${note}`],
  }),
});
const modules = [MailModule.forFeature([testMail])];
const data = { note: 'a secret note' };

describe.each(backends)('mail by SMTP, with the queue on %s', (backend) => {
  let app: TestApp;
  let smtp: SmtpServer;

  beforeAll(async () => {
    smtp = await SmtpServer.start();
    app = await TestApp.start({ backend, worker: true, modules, settings: { SMTP_URL: smtp.url } });
    await app.startWorker();
  });

  afterEach(() => {
    smtp.behavior = 'accept';
  });

  afterAll(async () => {
    await app.stop();
    await smtp.down();
  });

  /** Sends a mail to a new email. Returns the job that sends it. */
  async function mailTo({
    emailVerifiedAt = new Date(),
    ...changes
  }: { expiresAt?: Date; emailVerifiedAt?: Date | null } = {}) {
    const { user } = await createUser(app, { emailVerifiedAt });
    await app.db.transaction((tx) =>
      app.api.get(MailService).send({ template: testMail, to: user, data, ...changes }, tx),
    );
    const mail = await app.db.getRepository(Mail).findOneByOrFail({ userId: user.id });
    const job = await app.db
      .getRepository(Job)
      .createQueryBuilder()
      .where(`input ->> 'mailId' = :id`, mail)
      .getOneOrFail();
    return { email: user.email, user, mail, job };
  }

  const unfinishedJobs = () => app.db.getRepository(Job).countBy({ status: In(['queued', 'active']) });
  const mailRow = (id: string) => app.db.getRepository(Mail).findOneByOrFail({ id });
  const register = (email: string) =>
    app.http().post('/v1/auth/register').send({ email, password: PASSWORD, displayName: 'New' });
  const verify = (token?: string) =>
    app.http().post('/v1/auth/verify-email').send({ token, password: PASSWORD });

  it('is sent once and carries the correlation id of its request', async () => {
    const email = `registers-${backend}@example.com`;
    const body = { email, password: 'a long enough password', displayName: 'New' };

    await app.http().post('/v1/auth/register').set('x-correlation-id', 'caused-by-7').send(body);

    const message = await until(() => smtp.to(email)[0], 'the mail');
    const mail = await app.db.getRepository(Mail).findOneByOrFail({ recipient: email });
    expect(message.headers.get('message-id')).toBe(`<${mail.id}@localhost>`);
    expect(message.headers.get('x-correlation-id')).toBe('caused-by-7');
    expect(message.headers.get('auto-submitted')).toBe('auto-generated');
    expect(message.headers.get('content-type')).toMatch(/^multipart\/alternative/);
    expect(message.html).toContain('<p>Hello,</p>');
    expect(message.text).toMatch(/^Hello,\r?\n/);
    await until(async () => (await app.db.getRepository(Mail).findOneBy({ id: mail.id }))?.sentAt, 'sentAt');
    expect(smtp.to(email)).toHaveLength(1);
  });

  it('is sent once for a request that is repeated', async () => {
    const { user } = await createUser(app);
    await app.http().post('/v1/auth/forgot-password').send({ email: user.email });
    await app.http().post('/v1/auth/forgot-password').send({ email: user.email });
    const asked = await until(() => smtp.to(user.email)[0], 'the mail');
    const [, token] = /[?&]token=([\w-]+)/.exec(asked.text) ?? [];
    const reset = { token, password: 'a different horse entirely' };

    const answers = await Promise.all(times(5, () => app.http().post('/v1/auth/reset-password').send(reset)));

    await until(() => smtp.to(user.email).length > 1, 'the notice');
    await until(async () => (await unfinishedJobs()) === 0, 'all that follows');
    const subjects = smtp.to(user.email).map((message) => message.headers.get('subject'));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(subjects).toEqual(['Choose a new password', 'Your password was changed']);
  });

  it('waits while the mail server is down, then arrives once', async () => {
    await smtp.down();
    const sent = await Promise.all(times(10, () => mailTo()));
    await until(
      async () => (await app.db.getRepository(Job).countBy({ status: 'queued', attempts: 1 })) > 0,
      'a first run to fail',
    );

    await smtp.up();
    await Promise.all(sent.map(({ job }) => untilJob(app, job.id, 'completed')));

    expect(sent.map(({ email }) => smtp.to(email).length)).toEqual(times(10, () => 1));
  });

  it('keeps its Message-ID when the connection is lost after sending', async () => {
    smtp.behavior = 'disconnect';
    const { email, job } = await mailTo();
    await until(() => smtp.to(email).length > 0, 'the first try');
    smtp.behavior = 'accept';

    await untilJob(app, job.id, 'completed');

    const ids = smtp.to(email).map((message) => message.headers.get('message-id'));
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(1);
  });

  it('contains the same link in each copy', async () => {
    const email = `copies-${backend}@example.com`;
    smtp.behavior = 'disconnect';
    await register(email);
    await until(() => smtp.to(email).length > 1, 'a second attempt');
    smtp.behavior = 'accept';

    await until(async () => (await unfinishedJobs()) === 0, 'the mail to be sent');

    // A server that drops duplicates by Message-ID keeps the first.
    const [first, ...others] = smtp.to(email).map(tokenOf);
    expect(others).toEqual(others.map(() => first));
    expect((await verify(first)).status).toBe(200);
  });

  it('is not sent again after its link was used', async () => {
    const email = `used-${backend}@example.com`;
    smtp.behavior = 'disconnect';
    await register(email);
    const [message] = await until(() => smtp.to(email).length > 0 && smtp.to(email), 'the first try');
    await verify(tokenOf(message!));
    const copies = smtp.to(email).length;
    smtp.behavior = 'accept';

    await until(async () => (await unfinishedJobs()) === 0, 'the job to finish');

    // One attempt may have been in progress.
    expect(smtp.to(email).length - copies).toBeLessThanOrEqual(1);
  });

  it('is not sent after its link has expired', async () => {
    smtp.behavior = 'reject recipient';
    const { email, mail, job } = await mailTo({ expiresAt: new Date(Date.now() + 3_600_000) });
    await untilJob(app, job.id, 'failed');
    smtp.behavior = 'accept';
    await app.db.query(`UPDATE mails SET expires_at = now() - interval '1 second' WHERE id = $1`, [mail.id]);

    const again = await enqueue(app, mailSend, { mailId: mail.id });

    await untilJob(app, again.id, 'completed');
    expect(smtp.to(email)).toEqual([]);
  });

  it('has its data stored encrypted until it is sent, and not at all afterwards', async () => {
    smtp.behavior = 'disconnect';
    const { email, job, mail } = await mailTo();
    await until(() => smtp.to(email).length > 0, 'the first try');
    expect(mail.encryptedData).toMatch(/^[0-9a-f]{8}\./);
    expect(await storedText(app.db)).not.toContain(data.note);
    smtp.behavior = 'accept';

    await untilJob(app, job.id, 'completed');

    expect(await mailRow(mail.id)).toMatchObject({ encryptedData: null, sentAt: expect.any(Date) });
  });

  it('is retried if the server rejects something other than the recipient', async () => {
    smtp.behavior = 'deny relay';
    const { email, job } = await mailTo();
    await until(async () => (await jobRow(app, job.id)).attempts > 0, 'the first run');
    smtp.behavior = 'accept';

    await untilJob(app, job.id, 'completed');

    expect(smtp.to(email)).toHaveLength(1);
  });

  it('fails at once if the recipient does not exist', async () => {
    smtp.behavior = 'reject recipient';

    const { job, mail } = await mailTo();

    const { attempts, errorCode } = await untilJob(app, job.id, 'failed');
    expect([attempts, errorCode]).toEqual([1, 'RECIPIENT_REJECTED']);
    expect((await app.db.getRepository(Mail).findOneByOrFail({ id: mail.id })).sentAt).toBeNull();
  });

  it('is not sent again by a second job', async () => {
    const { email, job, mail } = await mailTo();
    await untilJob(app, job.id, 'completed');

    const again = await enqueue(app, mailSend, { mailId: mail.id });

    await untilJob(app, again.id, 'completed');
    expect(smtp.to(email)).toHaveLength(1);
  });

  it('is not sent to an email that its owner has not verified, and its data is removed', async () => {
    const { email, job, mail } = await mailTo({ emailVerifiedAt: null });

    await untilJob(app, job.id, 'completed');

    expect(smtp.to(email)).toEqual([]);
    expect(await mailRow(mail.id)).toMatchObject({ encryptedData: null, sentAt: null });
  });

  it('is in the language of its recipient when it is sent', async () => {
    await smtp.down();
    const { email, user, job } = await mailTo();
    await app.db.query(`UPDATE users SET locale = 'de' WHERE id = $1`, [user.id]);
    await smtp.up();

    await untilJob(app, job.id, 'completed');

    const [message] = smtp.to(email);
    expect(message!.headers.get('subject')).toBe('[de] A test mail');
    expect(message!.text).toMatch(/^Hallo,/);
  });

  it('rejects data that does not match the schema, in the transaction of the change', async () => {
    const { user } = await createUser(app);
    const send = (invalid: object) =>
      app.db.transaction((tx) =>
        app.api.get(MailService).send({ template: testMail, to: user, data: invalid as never }, tx),
      );

    await expect(send({})).rejects.toThrow(z.ZodError);
    await expect(send({ note: 'x'.repeat(30_000) })).rejects.toThrow('too large');
    expect(await app.db.getRepository(Mail).countBy({ userId: user.id })).toBe(0);
  });

  it('is not sent if the account was deleted', async () => {
    await smtp.down();
    const { email, job } = await mailTo();
    await until(async () => {
      const { status, attempts } = await jobRow(app, job.id);
      return status === 'queued' && attempts > 0;
    }, 'the first run to fail');
    await app.db.query('DELETE FROM users WHERE email = $1', [email]);
    await smtp.up();

    await untilJob(app, job.id, 'completed');

    expect(smtp.to(email)).toEqual([]);
  });
});

describe('mail from a worker with the smallest pool of connections', () => {
  it('sends many mails at the first attempt', async () => {
    const app = await TestApp.start({ worker: true, modules, settings: { DATABASE_POOL_MAX: '2' } });
    const people = await Promise.all(times(40, () => createUser(app)));

    await app.db.transaction(async (tx) => {
      for (const { user } of people)
        await app.api.get(MailService).send({ template: testMail, to: user, data }, tx);
    });

    const jobs = app.db.getRepository(Job);
    await until(async () => (await jobs.countBy({ status: 'completed' })) === 40, 'all mails');
    expect(await jobs.countBy({ attempts: 1, stalls: 0 })).toBe(40);
    await app.stop();
  });
});

const tokenOf = ({ text }: Eml): string | undefined => /[?&]token=([\w-]+)/.exec(text)?.[1];
