import { defineProblem } from '../../platform/errors/app-error.ts';

/** The detail doesn't say which part is wrong, because that would help an attacker to forge a signature. */
export class WebhookSignatureInvalidError extends defineProblem(
  401,
  'WEBHOOK_SIGNATURE_INVALID',
  'Webhook signature invalid',
  'The signature is missing, wrong or too old. Check the secret and the clock of the sender, and sign the body again.',
) {}
