import { describe, expect, it } from '@jest/globals';
import { webhookFaults } from './webhook-settings.ts';

const NODE_ENV = 'production';
const standard = (bytes: Buffer): string => `whsec_${bytes.toString('base64')}`;

describe('the webhook secrets', () => {
  it('are rejected in production when they are easy to guess', () => {
    const faults = webhookFaults({
      NODE_ENV,
      GITHUB_WEBHOOK_SECRET: ['a'.repeat(16)],
      STANDARD_WEBHOOK_SECRET: [standard(Buffer.alloc(32, 1))],
    });

    expect(faults).toEqual([
      expect.stringMatching(/^GITHUB_WEBHOOK_SECRET: is too easy to guess/),
      expect.stringMatching(/^STANDARD_WEBHOOK_SECRET: is too easy to guess/),
    ]);
  });

  it('are rejected when only the one for the rotation is weak', () => {
    const GITHUB_WEBHOOK_SECRET = ['0123456789abcdef', 'ab'.repeat(16)];

    expect(webhookFaults({ NODE_ENV, GITHUB_WEBHOOK_SECRET })).toHaveLength(1);
  });

  it('are accepted when they are random, and in development', () => {
    const STANDARD_WEBHOOK_SECRET = [standard(Buffer.from('0123456789abcdef'))];

    expect(webhookFaults({ NODE_ENV, STANDARD_WEBHOOK_SECRET })).toEqual([]);
    expect(webhookFaults({ NODE_ENV: 'development', GITHUB_WEBHOOK_SECRET: ['a'.repeat(16)] })).toEqual([]);
  });
});
