import { generateKeyPairSync, sign } from 'node:crypto';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A TLS server with an untrusted certificate. Counts the requests that arrive anyway. */
export async function startSelfSigned() {
  let requests = 0;
  const server = createServer(selfSigned(), (_, response) => {
    requests += 1;
    response.writeHead(204).end();
  });
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    stop: () => {
      server.closeAllConnections();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const TAGS = { integer: 0x02, bits: 0x03, oid: 0x06, text: 0x0c, time: 0x17, sequence: 0x30, set: 0x31 };

/** The minimum of X.509 (RFC 5280, section 4.1): Node can create keys but no certificates. */
export function selfSigned(): { key: string; cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const ecdsaWithSha256 = der('sequence', der('oid', Buffer.from('2a8648ce3d040302', 'hex')));
  const commonName = [der('oid', Buffer.from('550403', 'hex')), der('text', Buffer.from('localhost'))];
  const name = der('sequence', der('set', der('sequence', ...commonName)));
  const validity = ['250101000000Z', '490101000000Z'].map((time) => der('time', Buffer.from(time)));
  const signed = der(
    'sequence',
    der('integer', Buffer.from([1])),
    ecdsaWithSha256,
    name,
    der('sequence', ...validity),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signature = der('bits', Buffer.from([0]), sign('sha256', signed, privateKey));
  const cert = der('sequence', signed, ecdsaWithSha256, signature).toString('base64');
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${cert}\n-----END CERTIFICATE-----`,
  };
}

function der(tag: keyof typeof TAGS, ...parts: Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length =
    content.length < 0x80
      ? [content.length]
      : content.length < 0x100
        ? [0x81, content.length]
        : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([TAGS[tag], ...length]), content]);
}
