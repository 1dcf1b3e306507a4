// Serves oidc-provider for the tests and prints its issuer as one line. The environment
// names the client: CLIENT_ID, CLIENT_SECRET ("" is a public client), REDIRECT_URI and
// POST_LOGOUT_URI. Any e-mail and password are accepted.

import { createServer } from 'node:http';
import { Provider } from 'oidc-provider';

const { CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, POST_LOGOUT_URI } = process.env;

const server = createServer();
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const issuer = `http://127.0.0.1:${server.address().port}`;

const provider = new Provider(issuer, {
  clients: [{
    client_id: CLIENT_ID,
    ...(CLIENT_SECRET ? { client_secret: CLIENT_SECRET } : {}),
    token_endpoint_auth_method: CLIENT_SECRET ? 'client_secret_basic' : 'none',
    redirect_uris: [REDIRECT_URI],
    post_logout_redirect_uris: [POST_LOGOUT_URI],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    require_auth_time: true,
  }],
  cookies: { keys: ['only for tests'] },
  scopes: ['openid', 'profile', 'offline_access', 'user_api.full_access'],
  claims: { openid: ['sub'], profile: ['name'] },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: true },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: id }) }),
  issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
});
server.on('request', provider.callback());
console.log(issuer);
