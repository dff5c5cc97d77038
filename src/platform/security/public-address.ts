import { BlockList, isIP } from 'node:net';

/** Not of the public internet (IANA's registries of special-purpose addresses): [first address, prefix length]. */
const SPECIAL_IPV4: [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Link-local, and where clouds keep their metadata.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  // Multicast, reserved and broadcast.
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
];

/** All that is public is in here today; the rest holds private, link-local, mapped and translated addresses. */
const GLOBAL_UNICAST_IPV6: [string, number] = ['2000::', 3];

const SPECIAL_IPV6: [string, number][] = [
  // Teredo, ORCHID and other protocols' own.
  ['2001::', 23],
  ['2001:db8::', 32],
  // 6to4 leads to the IPv4 address within.
  ['2002::', 16],
  ['3fff::', 20],
];

const specialIpv4 = blockList('ipv4', SPECIAL_IPV4);
const specialIpv6 = blockList('ipv6', SPECIAL_IPV6);
const globalIpv6 = blockList('ipv6', [GLOBAL_UNICAST_IPV6]);

/** True for an address that anybody on the internet could reach; false for anything that is no address. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !specialIpv4.check(address, 'ipv4');
    case 6:
      // An address with a zone is link-local.
      return (
        !address.includes('%') && globalIpv6.check(address, 'ipv6') && !specialIpv6.check(address, 'ipv6')
      );
    default:
      return false;
  }
}

function blockList(type: 'ipv4' | 'ipv6', ranges: [string, number][]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges) list.addSubnet(network, prefix, type);
  return list;
}
