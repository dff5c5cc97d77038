import { describe, expect, it } from '@jest/globals';
import { Config } from '../../platform/config/config.ts';
import { EventTypes } from '../../platform/events/domain-events.ts';
import { isPublicAddress, WebhookEndpointRules } from './webhook-endpoint-rules.service.ts';

const rules = (NODE_ENV: string, WEBHOOK_ALLOW_PRIVATE: string[] = []) =>
  new WebhookEndpointRules({ NODE_ENV, WEBHOOK_ALLOW_PRIVATE } as unknown as Config, new EventTypes());

/** Known spellings of URLs that lead to private networks, and other invalid URLs. */
const REJECTED = [
  'https://127.0.0.1/',
  'https://127.1/',
  'https://127.0.1/',
  'https://2130706433/',
  'https://0x7f000001/',
  'https://0x7f.1/',
  'https://0177.1/',
  'https://0177.0.0.01/',
  'https://017700000001/',
  'https://127.0.0.1./',
  'https://①②⑦.⓪.⓪.①/',
  'https://127。0。0。1/',
  'https://%31%32%37.0.0.1/',
  'https://0/',
  'https://0.0.0.0/',
  'https://10.1.2.3/',
  'https://10.0x1.2.3/',
  'https://167838211/',
  'https://0xA.1.2.3/',
  'https://012.1.2.3/',
  'https://100.64.0.1/',
  'https://172.16.0.1/',
  'https://0xac100001/',
  'https://192.168.1/',
  'https://192.168.257/',
  'https://0300.0250.0.1/',
  'https://3232235521/',
  'https://198.18.0.1/',
  'https://192.0.2.1/',
  'https://224.0.0.1/',
  'https://255.255.255.255/',
  'https://4294967295/',
  'https://⑯⑨.②⑤④.⑯⑨.②⑤④/',
  'https://１２７.０.０.１/',
  'https://0xa9fea9fe/',
  'https://2852039166/',
  'https://169.254.169.254/latest/meta-data/',
  'https://[::1]/',
  'https://[::]/',
  'https://[0:0:0:0:0:0:0:1]/',
  'https://[::ffff:7f00:1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[::ffff:169.254.169.254]/',
  'https://[::FFFF:0A00:0001]/',
  'https://[::127.0.0.1]/',
  'https://[64:ff9b::7f00:1]/',
  'https://[64:ff9b:1::1]/',
  'https://[100::1]/',
  'https://[2001:db8::1]/',
  'https://[fc00::1]/',
  'https://[ff02::1]/',
  'https://[2002:7f00:1::]/',
  'https://[fdaa::3]/',
  'https://[fe80::1]/',
  'https://localhost/',
  'https://localhost./',
  'https://LOCALHOST/',
  'https://foo.localhost/',
  'https://intranet/',
  'http://example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://example.com/',
  'javascript:alert(1)',
  'data:text/plain,x',
  'https://user@example.com/',
  'https://user:password@example.com/',
  'https://example.com/#fragment',
  'https://example.com/#',
  'https://example.com:22/',
  'https://example.com:25/',
  'https://example.com:80/',
  'https://example.com:1023/',
  'https://example.com:0/',
  'https://',
  'https:///',
  '//example.com/',
  'example.com',
  '',
  `https://example.com/${'x'.repeat(2_048)}`,
];

describe('the URL of a webhook endpoint', () => {
  it.each(REJECTED)('is rejected: %s', (url) => {
    expect(rules('production').findError(url)).not.toBeNull();
  });

  it.each([
    'https://example.com/',
    'https://example.com:8443/a?b=c',
    'https://1.1.1.1/',
    'https://bücher.example/',
  ])('is accepted: %s', (url) => {
    expect(rules('production').findError(url)).toBeNull();
  });

  it('may use http in development, but no private address', () => {
    expect(rules('development').findError('http://example.com/')).toBeNull();
    expect(rules('development').findError('http://127.0.0.1:3000/')).not.toBeNull();
  });

  it('may be private if the settings list its exact host and port', () => {
    const lenient = rules('production', ['127.0.0.1:4000', '[::1]:4000', 'receiver:80']);

    for (const url of [
      'http://127.0.0.1:4000/x',
      'https://0x7f.1:4000/',
      'http://[::1]:4000/',
      'http://receiver/',
    ]) {
      expect(lenient.findError(url)).toBeNull();
    }
    for (const url of [
      'http://127.0.0.1:4001/',
      'http://127.0.0.2:4000/',
      'https://receiver/',
      'ftp://127.0.0.1:4000/',
    ]) {
      expect(lenient.findError(url)).not.toBeNull();
    }
  });
});

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
    'is not a text other than an IP address: %s',
    (text) => {
      expect(isPublicAddress(text)).toBe(false);
    },
  );
});
