import ipaddr from 'ipaddr.js';
import { isIP } from 'node:net';

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
