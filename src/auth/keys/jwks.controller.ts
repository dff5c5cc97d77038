import { Controller, Get, Header } from '@nestjs/common';
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

@Controller('.well-known')
export class JwksController {
  constructor(private readonly keys: KeyRing) {}

  @Get('jwks.json')
  @Endpoint({
    summary: 'The public keys that access tokens are verified with (RFC 7517)',
    returns: jwksSchema,
  })
  @Public()
  @Header('cache-control', 'public, max-age=300')
  jwks() {
    return { keys: this.keys.jwks() };
  }
}
