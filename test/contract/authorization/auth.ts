import { decodeJwt } from 'jose';
import { login } from '../../support/client.ts';
import { rule, type Rule, type Thing } from '../authorization-rule.ts';

const PASSWORD = 'correct horse battery';
const token = 'x'.repeat(43);
const email = 'unknown@example.com';

const session: Thing = async (app, owner) => {
  const { accessToken } = await login(app, owner.user.email, PASSWORD);
  return String(decodeJwt(accessToken)['sid']);
};

export const rows: Record<string, Rule> = {
  //                            anonymous other owner admin
  getSigningKeys: /*          */ rule([200, 200, 200, 200]),

  register: /*                */ rule([202, 202, 202, 202], {
    body: { email, password: PASSWORD, displayName: 'N' },
  }),
  verifyEmail: /*             */ rule([400, 400, 400, 400], { body: { token, password: PASSWORD } }),
  resendVerificationEmail: /* */ rule([202, 202, 202, 202], { body: { email } }),
  login: /*                   */ rule([401, 401, 401, 401], {
    body: { email, password: 'a wrong password' },
    isPublic: true,
  }),
  refreshTokens: /*           */ rule([401, 401, 401, 401], {
    body: { refreshToken: token },
    isPublic: true,
  }),
  logout: /*                  */ rule([401, 204, 204, 204]),
  logoutAll: /*               */ rule([401, 204, 204, 204]),
  listSessions: /*            */ rule([401, 200, 200, 200]),
  revokeSession: /*           */ rule([401, 404, 204, 404], { of: session }),

  forgotPassword: /*          */ rule([202, 202, 202, 202], { body: { email } }),
  resetPassword: /*           */ rule([400, 400, 400, 400], { body: { token, password: PASSWORD } }),
  changePassword: /*          */ rule([401, 204, 204, 204], {
    body: { currentPassword: PASSWORD, newPassword: 'a new one, and long' },
  }),
  requestEmailChange: /*      */ rule([401, 202, 202, 202], {
    body: { newEmail: email, password: PASSWORD },
  }),
  confirmEmailChange: /*      */ rule([400, 400, 400, 400], { body: { token } }),
};
