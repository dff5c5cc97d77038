import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Job } from '../../src/jobs/job.entity.ts';
import { Mail } from '../../src/mail/mail.entity.ts';
import { MailService } from '../../src/mail/mail.service.ts';
import { mailSend } from '../../src/mail/mail-send.job.ts';
import { enqueue, jobRow, untilJob } from '../factories/job.factory.ts';
import { createUser, type NewTestUser } from '../factories/user.factory.ts';
import { TestApp } from '../support/app.ts';
import { backends } from '../support/queue-data.ts';
import { header, SmtpServer } from '../support/smtp.ts';
import { times, until } from '../support/until.ts';
import { In } from 'typeorm';

describe.each(backends)('mail by SMTP, with the queue on %s', (backend) => {
  let app: TestApp;
  let smtp: SmtpServer;

  beforeAll(async () => {
    smtp = await SmtpServer.start();
    app = await TestApp.start({ backend, worker: true, settings: { SMTP_URL: smtp.url } });
    await app.startWorker();
  });

  afterEach(() => {
    smtp.mood = 'takes';
  });

  afterAll(async () => {
    await app.stop();
    await smtp.down();
  });

  /** One mail to somebody new; gives the job that sends it. */
  async function mailTo(overrides: Partial<NewTestUser> = {}) {
    const { user } = await createUser(app, overrides);
    await app.db.transaction((tx) => app.api.get(MailService).send('verify-email', user, tx));
    const mail = await app.db.getRepository(Mail).findOneByOrFail({ userId: user.id });
    const job = await app.db
      .getRepository(Job)
      .createQueryBuilder()
      .where(`input ->> 'mailId' = :id`, mail)
      .getOneOrFail();
    return { email: user.email, user, mail, job };
  }

  const unfinishedJobs = () => app.db.getRepository(Job).countBy({ status: In(['queued', 'active']) });
  const verify = (token?: string) => app.http().post('/v1/auth/verify-email').send({ token });

  it('goes out once for its cause, naming the request that caused it', async () => {
    const email = `registers-${backend}@example.com`;
    const body = { email, password: 'a long enough password', displayName: 'New' };

    await app.http().post('/v1/auth/register').set('x-correlation-id', 'caused-by-7').send(body);

    const message = await until(() => smtp.to(email)[0], 'the mail');
    const mail = await app.db.getRepository(Mail).findOneByOrFail({ recipient: email });
    expect(header(message, 'Message-ID')).toBe(`<${mail.id}@localhost>`);
    expect(header(message, 'X-Correlation-Id')).toBe('caused-by-7');
    expect(header(message, 'Auto-Submitted')).toBe('auto-generated');
    expect(message).toContain('Content-Type: text/plain');
    expect(message).toContain('Content-Type: text/html');
    await until(async () => (await app.db.getRepository(Mail).findOneBy({ id: mail.id }))?.sentAt, 'sentAt');
    expect(smtp.to(email)).toHaveLength(1);
  });

  it('goes out once for a request that is sent again', async () => {
    const { user } = await createUser(app);
    await app.http().post('/v1/auth/forgot-password').send({ email: user.email });
    await app.http().post('/v1/auth/forgot-password').send({ email: user.email });
    const asked = await until(() => smtp.to(user.email)[0], 'the mail');
    const [, token] = /[?&]token=([\w-]+)/.exec(asked) ?? [];
    const reset = { token, password: 'a different horse entirely' };

    const answers = await Promise.all(times(5, () => app.http().post('/v1/auth/reset-password').send(reset)));

    await until(() => smtp.to(user.email).length > 1, 'the notice');
    await until(async () => (await unfinishedJobs()) === 0, 'all that follows');
    const subjects = smtp.to(user.email).map((message) => header(message, 'Subject'));
    expect(answers.filter(({ status }) => status === 204)).toHaveLength(1);
    expect(subjects).toEqual(['Set a new password', 'Your password was changed']);
  });

  it('waits for a server that is away, and then arrives once each', async () => {
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

  it('keeps its Message-ID when the server may or may not have got it', async () => {
    smtp.mood = 'hangs up';
    const { email, job } = await mailTo();
    await until(() => smtp.to(email).length > 0, 'the first try');
    smtp.mood = 'takes';

    await untilJob(app, job.id, 'completed');

    const ids = smtp.to(email).map((message) => header(message, 'Message-ID'));
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(1);
  });

  it('holds a link that works in each copy of it', async () => {
    smtp.mood = 'hangs up';
    const { email, job } = await mailTo({ emailVerifiedAt: null });
    await until(() => smtp.to(email).length > 0, 'the first try');
    smtp.mood = 'takes';

    await untilJob(app, job.id, 'completed');

    // A server that drops what has a known Message-ID keeps the first.
    const [first, ...others] = smtp.to(email).map(tokenOf);
    expect(others).toEqual(others.map(() => first));
    expect((await verify(first)).status).toBe(204);
  });

  it('is not sent again, nor its link brought back to life, once somebody has followed the link', async () => {
    smtp.mood = 'hangs up';
    const { email, job } = await mailTo({ emailVerifiedAt: null });
    const [message] = await until(() => smtp.to(email).length > 0 && smtp.to(email), 'the first try');
    await verify(tokenOf(message));
    const copies = smtp.to(email).length;
    smtp.mood = 'takes';

    await untilJob(app, job.id, 'completed');

    expect(smtp.to(email).length - copies).toBeLessThanOrEqual(1);
    expect((await verify(tokenOf(message))).body.code).toBe('TOKEN_INVALID');
  });

  it('does not void the link of a newer one by being late', async () => {
    smtp.mood = 'hangs up';
    const { email, user, job } = await mailTo({ emailVerifiedAt: null });
    await until(() => smtp.to(email).length > 0, 'the first try');
    smtp.mood = 'takes';
    await app.db.transaction((tx) => app.api.get(MailService).send('verify-email', user, tx));

    await untilJob(app, job.id, 'completed');
    await until(async () => (await app.db.getRepository(Job).countBy({ status: 'queued' })) === 0, 'both');

    const tokens = smtp.to(email).map(tokenOf);
    const newest = tokens.find((token) => token !== tokens[0]);
    expect((await verify(newest)).status).toBe(204);
  });

  it('holds no link any more once a newer one was mailed, even when that is spent', async () => {
    smtp.mood = 'refuses';
    const { email, user, mail, job } = await mailTo({ emailVerifiedAt: null });
    await untilJob(app, job.id, 'failed');
    smtp.mood = 'takes';
    await app.db.transaction((tx) => app.api.get(MailService).send('verify-email', user, tx));
    const newer = await until(() => smtp.to(email)[0], 'the newer mail');
    expect((await verify(tokenOf(newer))).status).toBe(204);

    const redriven = await enqueue(app, mailSend, { mailId: mail.id });

    await untilJob(app, redriven.id, 'completed');
    expect(smtp.to(email).map(tokenOf)).toEqual([tokenOf(newer)]);
  });

  it('does not go out with its link more than a day late', async () => {
    smtp.mood = 'refuses';
    const { email, mail, job } = await mailTo({ emailVerifiedAt: null });
    await untilJob(app, job.id, 'failed');
    smtp.mood = 'takes';
    await app.db.query(`UPDATE mails SET created_at = now() - interval '25 hours' WHERE id = $1`, [mail.id]);

    const redriven = await enqueue(app, mailSend, { mailId: mail.id });

    await untilJob(app, redriven.id, 'completed');
    expect(smtp.to(email)).toEqual([]);
  });

  it('is given up at once where the server knows no such address', async () => {
    smtp.mood = 'refuses';

    const { job, mail } = await mailTo();

    const { attempts, errorCode } = await untilJob(app, job.id, 'failed');
    expect([attempts, errorCode]).toEqual([1, 'RECIPIENT_REFUSED']);
    expect((await app.db.getRepository(Mail).findOneByOrFail({ id: mail.id })).sentAt).toBeNull();
  });

  it('is not sent again by a second job for it', async () => {
    const { email, job, mail } = await mailTo();
    await untilJob(app, job.id, 'completed');

    const again = await enqueue(app, mailSend, { mailId: mail.id });

    await untilJob(app, again.id, 'completed');
    expect(smtp.to(email)).toHaveLength(1);
  });

  it('shows a name as text, whatever it holds', async () => {
    const { email, job } = await mailTo({ displayName: `<img src=x onerror="a()"> & 'Co'` });

    await untilJob(app, job.id, 'completed');

    const [, html = ''] = (smtp.to(email)[0] ?? '').split('Content-Type: text/html');
    expect(html).toContain('Hello &lt;img src=x onerror=&quot;a()&quot;&gt; &amp; &#39;Co&#39;,');
    expect(html).not.toContain('<img');
  });

  it('needs nothing of an account that is gone', async () => {
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
  it('goes out at the first attempt, however much there is', async () => {
    const app = await TestApp.start({ worker: true, settings: { DATABASE_POOL_MAX: '2' } });
    const people = await Promise.all(times(40, () => createUser(app)));

    await app.db.transaction(async (tx) => {
      for (const { user } of people) await app.api.get(MailService).send('password-changed', user, tx);
    });

    const jobs = app.db.getRepository(Job);
    await until(async () => (await jobs.countBy({ status: 'completed' })) === 40, 'all mails');
    expect(await jobs.countBy({ attempts: 1, losses: 0 })).toBe(40);
    await app.stop();
  });
});

const tokenOf = (message = ''): string | undefined => /[?&]token=([\w-]+)/.exec(message)?.[1];
