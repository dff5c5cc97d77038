import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { AppError, type Problem, type ProblemExtras } from '../errors/app-error.ts';
import {
  IdempotencyInProgressError,
  IdempotencyKeyReusedError,
  InvalidIdempotencyKeyError,
} from '../errors/platform.errors.ts';
import { EncryptionService } from '../security/encryption.service.ts';
import type { Principal } from '../security/principal.ts';

/** 1 to 255 printable ASCII characters. */
const KEY = /^[\x20-\x7E]{1,255}$/;
const RETRY_AFTER_SECONDS = 1;
/** Headers of a response that a replay repeats. */
const STORED_HEADERS = ['location', 'etag'];
/** These statuses depend on the caller or on the moment, so a repeated request must be checked again. */
const NOT_STORED = [401, 403, 429];

/** A key is unique per caller, method and path. */
interface Scope {
  userId: string;
  method: string;
  path: string;
  key: string;
}

/** The outcome of a request: a response body with its headers, or an error. */
type Outcome =
  { body: unknown; headers: Record<string, string> } | { problem: Problem; extras: ProblemExtras };

type Work<Body> = (tx: EntityManager) => Promise<Body>;

/**
 * Makes a request safe to repeat (draft-ietf-httpapi-idempotency-key-header). The response is stored in the transaction
 * of the effect: after a crash either both exist or neither.
 */
@Injectable()
export class IdempotencyService {
  constructor(
    private readonly db: DataSource,
    private readonly encryption: EncryptionService,
  ) {}

  /**
   * Runs `work` once per key. A repeated request gets the stored response. Throws 409 while the first request is
   * running, and 422 if the key was sent with another body. Errors with 4xx are stored; an error with 5xx releases the key.
   * `work` changes the database only through `tx`: it may run again after a deadlock.
   */
  async runOnce<Body>(
    request: FastifyRequest,
    reply: FastifyReply,
    fingerprint: string,
    work: Work<Body>,
  ): Promise<Body> {
    const scope = scopeOf(request);
    const requestHash = createHash('sha256').update(fingerprint).digest();
    const outcome = await this.db.transaction(async (tx): Promise<Outcome> => {
      await this.lock(scope, tx);
      const stored = await this.find(scope, requestHash, tx);
      if (stored) {
        void reply.header('idempotency-replayed', 'true');
        return stored;
      }
      const made = await outcomeOf(() => tx.transaction(work), reply);
      await this.store(scope, requestHash, made, tx);
      return made;
    });
    if ('problem' in outcome) throw new AppError(outcome.problem, outcome.extras);
    void reply.headers(outcome.headers);
    return outcome.body as Body;
  }

  /** A transaction lock: a process that dies releases it. It never waits, so a repeated request holds no connection. */
  private async lock(scope: Scope, tx: EntityManager): Promise<void> {
    const [{ locked } = {}] = await tx.query<{ locked?: boolean }[]>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS locked`,
      [placeOf(scope)],
    );
    if (locked) return;
    throw new IdempotencyInProgressError({ headers: { 'retry-after': String(RETRY_AFTER_SECONDS) } });
  }

  /** A separate statement from the lock, so that it sees the commit of the previous holder of the lock. */
  private async find(scope: Scope, requestHash: Buffer, tx: EntityManager): Promise<Outcome | undefined> {
    const [stored] = await tx.query<{ requestHash: Buffer; outcome: string }[]>(
      `SELECT request_hash AS "requestHash", outcome FROM idempotency_keys
       WHERE user_id = $1 AND key = $2 AND method = $3 AND path = $4 AND created_at > now() - interval '24 hours'`,
      [scope.userId, scope.key, scope.method, scope.path],
    );
    if (!stored) return undefined;
    if (!stored.requestHash.equals(requestHash)) throw new IdempotencyKeyReusedError();
    return JSON.parse(this.encryption.decrypt(placeOf(scope), stored.outcome)) as Outcome;
  }

  /** Encrypted, because a response may contain a secret. Replaces an expired row that is not removed yet. */
  private async store(scope: Scope, requestHash: Buffer, made: Outcome, tx: EntityManager): Promise<void> {
    const outcome = this.encryption.encrypt(placeOf(scope), JSON.stringify(made));
    await tx.query(
      `INSERT INTO idempotency_keys (user_id, key, method, path, request_hash, outcome)
       VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (user_id, key, method, path)
       DO UPDATE SET request_hash = excluded.request_hash, outcome = excluded.outcome, created_at = now()`,
      [scope.userId, scope.key, scope.method, scope.path, requestHash, outcome],
    );
  }
}

/** Whether the client asks for an idempotent request. */
export const hasIdempotencyKey = ({ headers }: FastifyRequest): boolean =>
  headers['idempotency-key'] !== undefined;

function scopeOf(request: FastifyRequest & { user?: Principal }): Scope {
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || !KEY.test(key)) throw new InvalidIdempotencyKeyError();
  if (!request.user) throw new Error('A route with idempotency keys needs a signed-in user');
  const [path = ''] = request.url.split('?');
  return { userId: request.user.userId, method: request.method, path, key };
}

const placeOf = ({ userId, method, path, key }: Scope): string =>
  ['idempotency_keys', userId, method, path, key].join(' ');

async function outcomeOf(work: () => Promise<unknown>, reply: FastifyReply): Promise<Outcome> {
  try {
    const body = await work();
    const headers = STORED_HEADERS.map((name) => [name, reply.getHeader(name)] as const);
    return { body, headers: Object.fromEntries(headers.filter(([, value]) => value)) as never };
  } catch (error) {
    if (!(error instanceof AppError) || !isStored(error.problem)) throw error;
    return { problem: error.problem, extras: error.extras };
  }
}

const isStored = ({ status }: Problem): boolean => status < 500 && !NOT_STORED.includes(status);
