import { defineProblem } from '../../platform/errors/app-error.ts';

/** Says no more than that: which part was wrong would help whoever forges it. */
export class WebhookSignatureInvalidError extends defineProblem(
  401,
  'WEBHOOK_SIGNATURE_INVALID',
  'The signature is missing, wrong, or too old.',
) {}
