import { Injectable } from '@nestjs/common';
import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';
import { Config } from '../../platform/config/config.ts';
import { ValidationFailedError } from '../../platform/errors/platform.errors.ts';
import { EventTypes } from '../../platform/events/domain-events.ts';
import { translate } from '../../platform/logging/request-context.ts';
import { webhooksTexts } from '../webhooks.texts.ts';

export const URL_MAX = 2_048;

const DEFAULT_PORTS: Record<string, number> = { 'https:': 443, 'http:': 80 };
const UNPRIVILEGED_PORT_MIN = 1_024;

/**
 * Which URLs (OWASP Server-Side Request Forgery Prevention) and event types an endpoint may have. Each attempt also checks
 * the resolved IP addresses.
 */
@Injectable()
export class WebhookEndpointRules {
  private readonly protocols: string[];
  private readonly allowedPrivate: ReadonlySet<string>;

  constructor(
    config: Config,
    private readonly eventTypes: EventTypes,
  ) {
    this.protocols = config.NODE_ENV === 'development' ? ['https:', 'http:'] : ['https:'];
    this.allowedPrivate = new Set(config.WEBHOOK_ALLOW_PRIVATE);
  }

  /** Throws VALIDATION_FAILED. */
  assertAllowed({ url, eventTypes = [] }: { url?: string; eventTypes?: string[] }): void {
    const details = eventTypes.flatMap((type, index) =>
      this.eventTypes.isPublic(type)
        ? []
        : [
            {
              path: `eventTypes.${index}`,
              code: 'INVALID_VALUE',
              message: translate(webhooksTexts).unknownEventType,
            },
          ],
    );
    const error = url === undefined ? null : this.findError(url);
    if (error !== null) details.push({ path: 'url', code: 'URL_NOT_ALLOWED', message: error });
    if (details.length > 0) throw new ValidationFailedError({ details });
  }

  /** The error in the URL, as a text for its owner. Null if the URL is allowed. */
  findError(text: string): string | null {
    const url = text.length <= URL_MAX && URL.canParse(text) ? new URL(text) : null;
    if (!url) return translate(webhooksTexts).url.tooLong(URL_MAX);
    if (url.username || url.password) return translate(webhooksTexts).url.credentials;
    if (text.includes('#')) return translate(webhooksTexts).url.fragment;
    if (this.isAllowedPrivate(url)) return null;
    return this.findProtocolError(url) ?? findHostError(url.hostname);
  }

  /** True if WEBHOOK_ALLOW_PRIVATE names this host and port. */
  isAllowedPrivate(url: URL): boolean {
    return url.protocol in DEFAULT_PORTS && this.allowedPrivate.has(`${url.hostname}:${portOf(url)}`);
  }

  private findProtocolError(url: URL): string | null {
    if (!this.protocols.includes(url.protocol)) return translate(webhooksTexts).url.protocol;
    const port = portOf(url);
    // Lower ports belong to services other than web servers.
    if (port === DEFAULT_PORTS[url.protocol] || port >= UNPRIVILEGED_PORT_MIN) return null;
    return translate(webhooksTexts).url.port(UNPRIVILEGED_PORT_MIN);
  }
}

/** The IP address, if the host is one. The URL parser has already normalized all its spellings. */
export function ipAddressIn(hostname: string): string | null {
  const literal = hostname.replace(/^\[|\]$/g, '');
  return isIP(literal) ? literal : null;
}

function findHostError(hostname: string): string | null {
  const address = ipAddressIn(hostname);
  const isPrivate = address
    ? !isPublicAddress(address)
    : /(^|\.)localhost\.?$/.test(hostname) || !hostname.replace(/\.$/, '').includes('.');
  return isPrivate ? translate(webhooksTexts).url.private : null;
}

const portOf = (url: URL): number => (url.port === '' ? DEFAULT_PORTS[url.protocol]! : Number(url.port));

/** Looks public, but reaches the host of an Azure virtual machine (metadata and DNS). */
const AZURE_HOST = '168.63.129.16';

/** Special ranges that ipaddr.js calls `unicast`. */
const OTHER_SPECIAL = ['192.88.99.0/24', '2001::/23', '3fff::/20'].map((range) => ipaddr.parseCIDR(range));

/** All public IPv6 addresses are in this range today. The rest is private, link-local, mapped or reserved. */
const PUBLIC_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3');

/** True for an IP address on the public internet. False for special-purpose ranges and for text that is no IP address. */
export function isPublicAddress(text: string): boolean {
  // `isIP` is strict: ipaddr.js also accepts short and octal forms. An address with a zone is link-local.
  if (isIP(text) === 0 || text.includes('%') || text === AZURE_HOST) return false;
  const address = ipaddr.parse(text);
  if (address instanceof ipaddr.IPv6 && !address.match(PUBLIC_IPV6)) return false;
  return (
    address.range() === 'unicast' && ipaddr.subnetMatch(address, { special: OTHER_SPECIAL }) !== 'special'
  );
}
