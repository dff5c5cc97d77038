import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { randomUUID } from 'node:crypto';
import { MacService } from '../../platform/security/mac.service.ts';

/** With this prefix, browsers require Secure, Path=/ and no Domain. */
const COOKIE = '__Host-device';
const ATTRIBUTES = { path: '/', httpOnly: true, secure: true, sameSite: 'strict' } as const;
const YEAR_SECONDS = 31_536_000;
const PURPOSE = 'known-device';

/**
 * Recognizes browsers in which an account has signed in before. The cookie gives no access: it only gives the browser its
 * own counter of failed sign-ins.
 */
@Injectable()
export class KnownDevices {
  constructor(private readonly macs: MacService) {}

  cookieOf(request: FastifyRequest): string | undefined {
    return request.cookies[COOKIE];
  }

  /** Keeps a valid cookie, so that signing in doesn't reset its counter. */
  remember(request: FastifyRequest, reply: FastifyReply, userId: string): void {
    const id = this.idOf(this.cookieOf(request), userId) ?? randomUUID();
    const value = `${id}.${this.macs.sign(PURPOSE, `${userId}.${id}`)}`;
    void reply.setCookie(COOKIE, value, { ...ATTRIBUTES, maxAge: YEAR_SECONDS });
  }

  /** Undefined if there is no cookie, or if it is not one of ours for this user. */
  idOf(cookie: string | undefined, userId: string | undefined): string | undefined {
    const [id, mac] = cookie?.split('.') ?? [];
    if (!id || !mac || !userId) return undefined;
    return this.macs.verify(PURPOSE, `${userId}.${id}`, mac) ? id : undefined;
  }
}
