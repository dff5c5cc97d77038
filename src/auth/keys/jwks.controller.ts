import { Controller, Get, Header } from '@nestjs/common';
import { z } from 'zod';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
import { examples } from '../../platform/openapi/examples.ts';
import { Tag } from '../../platform/openapi/tag.decorator.ts';
import { Public } from '../../platform/security/access.decorators.ts';
import { KeyRing } from './key-ring.ts';

const jwksSchema = z
  .object({
    keys: z.array(
      z.object({
        kty: z.string(),
        n: z.string(),
        e: z.string(),
        kid: z.string(),
        use: z.string(),
        alg: z.string(),
      }),
    ),
  })
  .meta({ id: 'Jwks' })
  .register(examples, {
    'One key': {
      keys: [
        {
          kty: 'RSA',
          n: 'yLz4kT0v8mQx2Ls7Rt0Yb5Nc8Hd1Jf6Gp4Za',
          e: 'AQAB',
          kid: '2026-11-a1b2c3',
          use: 'sig',
          alg: 'RS256',
        },
      ],
    },
  });

@Tag('Authentication')
@Controller('.well-known')
export class JwksController {
  constructor(private readonly keys: KeyRing) {}

  @Get('jwks.json')
  @Endpoint({
    summary: 'List the public keys of access tokens (RFC 7517)',
    description:
      'Verify access tokens with these keys. A key appears here before the first token is signed with it. Cache for five minutes.',
    returns: jwksSchema,
  })
  @Public()
  @Header('cache-control', 'public, max-age=300')
  getSigningKeys() {
    return { keys: this.keys.jwks() };
  }
}
