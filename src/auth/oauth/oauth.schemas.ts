import { z } from 'zod';
import { timestampSchema, tokenSchema } from '../../platform/http/schemas.ts';
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
  .meta({ id: 'Provider' });

const returnToSchema = z
  .string()
  .max(RETURN_TO_MAX)
  .optional()
  .describe('URL to return to, on an allowed origin. Default: the frontend.');

export const startQuerySchema = z.strictObject({ returnTo: returnToSchema });
export type StartQuery = z.output<typeof startQuerySchema>;

export const startLinkSchema = z.strictObject({ returnTo: returnToSchema }).meta({ id: 'StartLink' });
export type StartLink = z.output<typeof startLinkSchema>;

export const authorizationUrlSchema = z
  .object({ authorizationUrl: z.string().describe('Send the browser here.') })
  .meta({ id: 'AuthorizationUrl' });

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
export const callbackFormSchema = callbackQuerySchema.meta({ id: 'OAuthCallback' });
export type OAuthCallback = z.output<typeof callbackQuerySchema>;

export const exchangeSchema = z
  .strictObject({ code: tokenSchema, refreshTokenIn: refreshTokenInSchema })
  .meta({ id: 'ExchangeCode' });
export type Exchange = z.output<typeof exchangeSchema>;

export const identitySchema = z
  .object({ provider: providerNameSchema, email: z.string().nullable(), linkedAt: timestampSchema })
  .meta({ id: 'Identity' });

export const identityView = ({ provider, email, createdAt }: Identity) => ({
  provider,
  email,
  linkedAt: createdAt,
});
