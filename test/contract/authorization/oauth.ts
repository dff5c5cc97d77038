import { rule, type Rule } from '../authorization-rule.ts';

/** No provider is configured here, and an unconfigured provider is not found. */
export const rows: Record<string, Rule> = {
  //                               anonymous other owner admin
  listProviders: /*              */ rule([200, 200, 200, 200]),
  startProviderSignIn: /*        */ rule([404, 404, 404, 404]),
  startProviderLink: /*          */ rule([401, 404, 404, 404], {
    body: { returnTo: 'http://localhost:3000/' },
  }),
  handleProviderCallback: /*     */ rule([404, 404, 404, 404]),
  handleProviderFormCallback: /* */ rule([422, 422, 422, 422]),
  exchangeCode: /*               */ rule([400, 400, 400, 400], { body: { code: 'x'.repeat(43) } }),
  listIdentities: /*             */ rule([401, 200, 200, 200]),
  unlinkIdentity: /*             */ rule([401, 404, 404, 404]),
};
