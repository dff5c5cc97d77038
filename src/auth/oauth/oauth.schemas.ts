import { z } from 'zod';
import { timestampSchema, tokenSchema } from '../../platform/http/schemas.ts';
import { examples, sample } from '../../platform/openapi/examples.ts';
import { refreshTokenInSchema } from '../auth.schemas.ts';
import { type Identity, providerNames } from './identity.entity.ts';

const RETURN_TO_MAX = 2_000;
const PARAMETER_MAX = 4_096;

export const providerNameSchema = z.enum(providerNames);

export const providerSchema = z
  .object({
    provider: providerNameSchema,
    url: z.string().describe('Send the browser here, with `returnTo`.'),
  })
  .meta({ id: 'Provider' })
  .register(examples, {
    Google: { provider: 'google', url: 'https://api.example.com/v1/auth/oauth/google' },
    GitHub: { provider: 'github', url: 'https://api.example.com/v1/auth/oauth/github' },
  });

const returnToSchema = z
  .string()
  .max(RETURN_TO_MAX)
  .optional()
  .describe('URL to return to, on an allowed origin. Default: the frontend.')
  .meta({ example: 'https://app.example.com/settings' });

export const startQuerySchema = z.strictObject({ returnTo: returnToSchema });
export type StartQuery = z.output<typeof startQuerySchema>;

export const startLinkSchema = z
  .strictObject({ returnTo: returnToSchema })
  .meta({ id: 'StartLink' })
  .register(examples, {
    'Return to the frontend': {},
    'Return to a page': { returnTo: 'https://app.example.com/settings' },
  });
export type StartLink = z.output<typeof startLinkSchema>;

export const authorizationUrlSchema = z
  .object({ authorizationUrl: z.string().describe('Send the browser here.') })
  .meta({ id: 'AuthorizationUrl' })
  .register(examples, {
    GitHub: { authorizationUrl: 'https://github.com/login/oauth/authorize?client_id=abc&state=k3Vw9mQx2Ls7' },
  });

/** A repeated or too long parameter counts as missing. The code that needs it reports the error. */
const parameter = z.string().max(PARAMETER_MAX).optional().catch(undefined);

/** Not strict: providers add parameters of their choice. */
export const callbackQuerySchema = z.object({
  state: parameter,
  code: parameter,
  iss: parameter,
  error: parameter,
  user: parameter,
});
export const callbackFormSchema = callbackQuerySchema.meta({ id: 'OAuthCallback' }).register(examples, {
  'Signed in': { state: sample.token, code: 'c1f0b2d9' },
  'Cancelled by the user': { state: sample.token, error: 'user_cancelled_authorize' },
});
export type OAuthCallback = z.output<typeof callbackQuerySchema>;

export const exchangeSchema = z
  .strictObject({ code: tokenSchema, refreshTokenIn: refreshTokenInSchema })
  .meta({ id: 'ExchangeCode' })
  .register(examples, {
    'Refresh token in the body': { code: sample.token },
    'Refresh token in a cookie': { code: sample.token, refreshTokenIn: 'cookie' },
  });
export type Exchange = z.output<typeof exchangeSchema>;

export const identitySchema = z
  .object({ provider: providerNameSchema, email: z.string().nullable(), linkedAt: timestampSchema })
  .meta({ id: 'Identity' })
  .register(examples, { Google: { provider: 'google', email: sample.email, linkedAt: sample.earlier } });

export const identityView = ({ provider, email, createdAt }: Identity) => ({
  provider,
  email,
  linkedAt: createdAt,
});
