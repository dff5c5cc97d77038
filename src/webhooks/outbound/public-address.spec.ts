import { describe, expect, it } from '@jest/globals';
import { isPublicAddress } from './public-address.ts';

const PRIVATE = `
  0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.0.1
  168.63.129.16 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1
  198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 64:ff9b::7f00:1 64:ff9b:1::1
  100::1 2001::1 2001:db8::1 2002:7f00:1::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fdaa::3 fe80::1 fe80::1%eth0
  fec0::1 ff02::1 ff0e::1
`;

const PUBLIC = `1.1.1.1 8.8.8.8 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 198.17.255.255 198.20.0.1
  168.63.129.15 223.255.255.255 2606:4700:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888`;

const words = (text: string): string[] => text.trim().split(/\s+/);

describe('a public IP address', () => {
  it.each(words(PRIVATE))('is not %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(words(PUBLIC))('is %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });

  it.each(['', 'localhost', 'example.com', '127.1', '2130706433'])(
    'is never text that is no IP address: %s',
    (text) => {
      expect(isPublicAddress(text)).toBe(false);
    },
  );
});
