import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { setTimeout as pause } from 'node:timers/promises';
import { MessageBus } from '../../platform/bus/message-bus.ts';
import { Config } from '../../platform/config/config.ts';
import { product } from '../../platform/config/product.ts';
import { isDatabaseUnavailable } from '../../platform/database/postgres-errors.ts';
import { AppLogger } from '../../platform/logging/logging.module.ts';
import { currentTraceparent, runInContext } from '../../platform/logging/request-context.ts';
import { signatureOf } from '../standard-signature.ts';
import { type Attempt, WebhookClaims } from './webhook-claims.service.ts';
import { DELIVERIES_CHANNEL } from './webhook-deliveries.service.ts';
import { type AttemptOutcome, WebhookOutcomes } from './webhook-outcomes.service.ts';
import { WebhookSecrets } from './webhook-secrets.service.ts';
import { type WebhookRequest, type WebhookResponse, WebhookSender } from './webhook-sender.ts';
import { endAttemptSpan, startAttemptSpan } from './webhook-spans.ts';

/** High, because attempts mostly wait for their receivers. Many times the limit per owner. */
const IN_FLIGHT_MAX = 200;
/** Also finds new deliveries when the bus has lost a message. */
const POLL_MS = 1_000;
const ENDPOINTS_PER_CLAIM = 200;
/** Sorts before every id. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
/** Shorter than the time that a lease lasts beyond the longest attempt. */
const CLAIM_MAX_MS = 3_000;
/** The part of the shutdown deadline that remains for interrupted attempts. */
const STOP_GRACE_SECONDS = 3;

const UNREADABLE_SECRET: WebhookResponse = {
  statusCode: null,
  error: 'The signing secret can’t be decrypted. Rotate it.',
  durationMs: 0,
  excerpt: '',
  retryAfter: null,
};

/**
 * Sends webhook deliveries: one loop per worker claims due ones from PostgreSQL, sends them in parallel and writes the
 * outcomes in batches. The bus only wakes it. A killed worker loses nothing: its leases expire, and another worker
 * repeats the attempts in flight, with the same webhook-id.
 */
@Injectable()
export class WebhookDispatcher implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  private readonly inFlight = new Map<Attempt, Promise<void>>();
  private outcomes: AttemptOutcome[] = [];
  private readonly interrupted: Attempt[] = [];
  private readonly stopping = new AbortController();
  private readonly interrupting = new AbortController();
  private sleeping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private unsubscribe?: () => void;
  private interruptTimer?: NodeJS.Timeout;
  private cursor = FIRST_ID;
  private promotedAt = -Infinity;
  private hasFailed = false;

  constructor(
    private readonly claims: WebhookClaims,
    private readonly results: WebhookOutcomes,
    private readonly secrets: WebhookSecrets,
    private readonly sender: WebhookSender,
    private readonly bus: MessageBus,
    private readonly config: Config,
    private readonly logger: AppLogger,
  ) {}

  onApplicationBootstrap(): void {
    this.unsubscribe = this.bus.subscribe(DELIVERIES_CHANNEL, () => this.wake());
    this.running = this.loop();
  }

  /** Stops claiming. Does not wait for attempts in flight, so that jobs stop at the same time. */
  onModuleDestroy(): void {
    this.unsubscribe?.();
    this.stopping.abort();
    this.wake();
    const patience = Math.max(0, this.config.SHUTDOWN_DEADLINE_SECONDS - STOP_GRACE_SECONDS) * 1_000;
    this.interruptTimer = setTimeout(() => this.interrupting.abort(), patience);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.running;
    await Promise.all(this.inFlight.values());
    clearTimeout(this.interruptTimer);
    try {
      if (this.interrupted.length > 0) await this.claims.release(this.interrupted);
      await this.recordOutcomes();
    } catch (error) {
      this.logger.warn({ err: error }, 'Webhook outcomes were not written; their attempts are repeated');
    }
  }

  private wake(): void {
    this.sleeping.abort();
  }

  private async loop(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      this.sleeping = new AbortController();
      const isMore = await this.dispatch().catch((error: unknown) => this.warn(error));
      if (!isMore && !this.stopping.signal.aborted)
        await pause(POLL_MS, undefined, { signal: this.sleeping.signal }).catch(() => undefined);
    }
  }

  /** Resolves to whether there may be more to do at once. */
  private async dispatch(): Promise<boolean> {
    const hasMoreDue = await this.promoteDue();
    const endpoints = await this.claims.listReadyEndpoints(this.cursor, ENDPOINTS_PER_CLAIM);
    // Just before the claim: an outcome that arrived since the wake-up frees its slot for this claim.
    await this.recordOutcomes();
    const free = IN_FLIGHT_MAX - this.inFlight.size;
    if (free <= 0) return false;
    const isLastPage = endpoints.length < ENDPOINTS_PER_CLAIM;
    this.cursor = isLastPage ? FIRST_ID : endpoints.at(-1)!.id;
    const idsOf = (wanted: string) => endpoints.filter(({ state }) => state === wanted).map(({ id }) => id);
    const disabled = idsOf('disabled');
    const hasMoreToFail = disabled.length > 0 && (await this.claims.failReady(disabled));
    await this.claim(idsOf('enabled'), free);
    this.hasFailed = false;
    return hasMoreDue || hasMoreToFail || !isLastPage;
  }

  private async promoteDue(): Promise<boolean> {
    if (performance.now() - this.promotedAt < POLL_MS) return false;
    const hasMore = await this.claims.promoteDue();
    if (!hasMore) this.promotedAt = performance.now();
    return hasMore;
  }

  private async claim(endpointIds: string[], limit: number): Promise<void> {
    if (endpointIds.length === 0) return;
    const startedAt = performance.now();
    const attempts = await this.claims.claim(endpointIds, limit);
    // After a slow claim, the lease could expire during the attempt.
    if (performance.now() - startedAt > CLAIM_MAX_MS) return this.claims.release(attempts);
    for (const attempt of attempts) this.inFlight.set(attempt, this.start(attempt));
  }

  private async start(attempt: Attempt): Promise<void> {
    const { correlationId, traceparent } = attempt.delivery;
    const span = startAttemptSpan(attempt);
    const context = { correlationId, ...(traceparent && { traceparent }), ...(span && { span }) };
    const response = await runInContext(context, () => this.send(attempt));
    if (span) endAttemptSpan(span, response);
    this.inFlight.delete(attempt);
    // An attempt that the shutdown interrupted says nothing about the receiver.
    if (response.error !== null && this.interrupting.signal.aborted) this.interrupted.push(attempt);
    else this.outcomes.push({ ...attempt, response });
    this.wake();
  }

  private async send(attempt: Attempt): Promise<WebhookResponse> {
    let request: WebhookRequest;
    try {
      request = this.requestOf(attempt);
    } catch (error) {
      this.logger.error({ err: error, endpointId: attempt.endpoint.id }, 'Webhook secret unreadable');
      return UNREADABLE_SECRET;
    }
    const response = await this.sender.send(request, this.interrupting.signal);
    const { statusCode, durationMs, error } = response;
    const fields = { deliveryId: attempt.delivery.id, statusCode, ms: durationMs, ...(error && { error }) };
    this.logger.info(fields, error === null ? 'Webhook delivered' : 'Webhook attempt failed');
    return response;
  }

  private requestOf({ delivery, endpoint }: Attempt): WebhookRequest {
    const { eventId, payload, correlationId } = delivery;
    const traceparent = currentTraceparent();
    const timestamp = Math.floor(Date.now() / 1_000);
    const message = { id: eventId, timestamp, body: payload };
    const signatures = this.secrets.activeOf(endpoint).map((secret) => signatureOf(message, secret));
    return {
      url: endpoint.url,
      body: payload,
      headers: {
        'content-type': 'application/json',
        'user-agent': `${product.name}-webhooks/${product.version}`,
        'webhook-id': eventId,
        'webhook-timestamp': timestamp,
        'webhook-signature': signatures.join(' '),
        'x-correlation-id': correlationId,
        ...(traceparent && { traceparent }),
      },
    };
  }

  /** Outcomes stay in memory while PostgreSQL is down. Nothing is claimed in that time. */
  private async recordOutcomes(): Promise<void> {
    if (this.outcomes.length === 0) return;
    const outcomes = this.outcomes;
    this.outcomes = [];
    try {
      this.outcomes.push(...(await this.results.record(outcomes)));
    } catch (error) {
      this.outcomes.push(...outcomes);
      if (isDatabaseUnavailable(error)) throw error;
      await this.recordEach();
    }
  }

  /** One outcome that can't be written must not hold up the others. Its lease expires and the attempt is repeated. */
  private async recordEach(): Promise<void> {
    const outcomes = this.outcomes;
    this.outcomes = [];
    for (const outcome of outcomes) {
      try {
        this.outcomes.push(...(await this.results.record([outcome])));
      } catch (error) {
        if (isDatabaseUnavailable(error)) this.outcomes.push(outcome);
        else
          this.logger.error({ err: error, deliveryId: outcome.delivery.id }, 'Webhook outcome not written');
      }
    }
  }

  /** Once per outage. */
  private warn(error: unknown): false {
    if (!this.hasFailed) this.logger.warn({ err: error }, 'Webhook dispatcher: PostgreSQL failed; retrying');
    this.hasFailed = true;
    return false;
  }
}
