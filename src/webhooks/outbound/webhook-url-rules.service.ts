import { Injectable } from '@nestjs/common';
import { isIP } from 'node:net';
import { Config } from '../../platform/config/config.ts';
import { isPublicAddress } from './public-address.ts';

export const URL_MAX = 2_048;

const DEFAULT_PORTS: Record<string, number> = { 'https:': 443, 'http:': 80 };
const UNPRIVILEGED_PORT_MIN = 1_024;

/** Where we are willing to send (OWASP Server-Side Request Forgery Prevention). What a name leads to is told at each attempt. */
@Injectable()
export class WebhookUrlRules {
  private readonly protocols: string[];
  private readonly letThrough: ReadonlySet<string>;

  constructor(config: Config) {
    this.protocols = config.NODE_ENV === 'development' ? ['https:', 'http:'] : ['https:'];
    this.letThrough = new Set(config.WEBHOOK_ALLOW_PRIVATE);
  }

  /** Why not, in words for whoever gave the address; null where there is nothing against it. */
  refusal(text: string): string | null {
    const url = text.length <= URL_MAX && URL.canParse(text) ? new URL(text) : null;
    if (!url) return `It is not an address of at most ${URL_MAX} characters.`;
    if (url.username || url.password) return 'It must not hold credentials.';
    if (text.includes('#')) return 'It must not have a fragment.';
    if (this.isLetThrough(url)) return null;
    return this.protocolRefusal(url) ?? hostRefusal(url.hostname);
  }

  /** True where the settings name this host and port, whatever they lead to. */
  isLetThrough(url: URL): boolean {
    return url.protocol in DEFAULT_PORTS && this.letThrough.has(`${url.hostname}:${portOf(url)}`);
  }

  private protocolRefusal(url: URL): string | null {
    if (!this.protocols.includes(url.protocol)) return 'It must begin with https://.';
    const port = portOf(url);
    // The lower ones belong to services that are no web servers.
    if (port === DEFAULT_PORTS[url.protocol] || port >= UNPRIVILEGED_PORT_MIN) return null;
    return `Its port must be 443, or ${UNPRIVILEGED_PORT_MIN} or higher.`;
  }
}

/** The literal, if the host is one: the URL parser has turned every spelling of an address into the usual one. */
export function addressIn(hostname: string): string | null {
  const literal = hostname.replace(/^\[|\]$/g, '');
  return isIP(literal) ? literal : null;
}

function hostRefusal(hostname: string): string | null {
  const address = addressIn(hostname);
  const isRefused = address
    ? !isPublicAddress(address)
    : /(^|\.)localhost\.?$/.test(hostname) || !hostname.replace(/\.$/, '').includes('.');
  return isRefused ? 'It must be reachable from the internet.' : null;
}

const portOf = (url: URL): number => (url.port === '' ? DEFAULT_PORTS[url.protocol]! : Number(url.port));
