import { describe, expect, it } from '@jest/globals';
import { networkOf } from './rate-limiter.service.ts';

describe('the network of an IP address for rate limits', () => {
  it.each([
    ['203.0.113.7', '203.0.113.7'],
    ['::ffff:203.0.113.7', '203.0.113.7'],
    ['::FFFF:203.0.113.7', '203.0.113.7'],
    ['::ffff:cb00:7107', '203.0.113.7'],
    ['0:0:0:0:0:ffff:203.0.113.7', '203.0.113.7'],
  ])('is an IPv4 address itself: %s', (ip, expected) => {
    expect(networkOf(ip)).toBe(expected);
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
    ['2001:db8:1:2::', '2001:db8:1:2'],
    ['2001:DB8:0001:0002::1', '2001:db8:1:2'],
    ['2001:db8::1', '2001:db8:0:0'],
    ['2001:db8:0:0:1::', '2001:db8:0:0'],
    ['::1', '0:0:0:0'],
    ['::', '0:0:0:0'],
    ['fe80::1%eth0', 'fe80:0:0:0'],
    ['64:ff9b::203.0.113.7', '64:ff9b:0:0'],
  ])('is the /64 of an IPv6 address: %s', (ip, expected) => {
    expect(networkOf(ip)).toBe(expected);
  });

  it.each(['', 'unknown', 'x'.repeat(1_000)])('is the input itself if it is not an IP address', (ip) => {
    expect(networkOf(ip)).toBe(ip);
  });
});
