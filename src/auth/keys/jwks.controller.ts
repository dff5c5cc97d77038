import { Controller, Get, Header } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { z } from 'zod';
import { Endpoint } from '../../platform/openapi/endpoint.decorator.ts';
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
  .meta({ id: 'Jwks' });

@ApiTags('Authentication')
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
