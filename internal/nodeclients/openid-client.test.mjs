// openid-client as the client of an identity server. The environment names the server:
// ISSUER, CLIENT_ID, CLIENT_SECRET ("" is a public client), REDIRECT_URI, POST_LOGOUT_URI,
// EMAIL and PASSWORD. SERVER is "simulator" or "oidc-provider".

import assert from 'node:assert/strict';
import test from 'node:test';
import * as oidc from 'openid-client';
import { Browser } from './browser.mjs';

const { ISSUER, CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, POST_LOGOUT_URI, EMAIL, PASSWORD, SERVER } = process.env;
const simulator = SERVER === 'simulator';
const ALL = 'openid profile offline_access user_api.full_access';
const login = { email: EMAIL, login: EMAIL, password: PASSWORD, button: 'yes' };

const discover = (auth) => oidc.discovery(new URL(ISSUER), CLIENT_ID, CLIENT_SECRET || undefined, auth, {
  execute: [oidc.allowInsecureRequests, oidc.enableNonRepudiationChecks],
});
const authentication = CLIENT_SECRET ? oidc.ClientSecretBasic(CLIENT_SECRET) : oidc.None();
const config = await discover(authentication);

// authorize runs an authorization request in a browser and exchanges the code.
async function authorize(browser, { scope = ALL, config: c = config, ...more } = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const state = oidc.randomState();
  const nonce = oidc.randomNonce();
  const url = oidc.buildAuthorizationUrl(c, {
    redirect_uri: REDIRECT_URI, scope, state, nonce, code_challenge_method: 'S256',
    code_challenge: await oidc.calculatePKCECodeChallenge(verifier), ...more,
  });
  const back = await browser.goTo(url, REDIRECT_URI, login);
  const tokens = await oidc.authorizationCodeGrant(c, back, {
    pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true,
    ...(more.max_age === undefined ? {} : { maxAge: Number(more.max_age) }),
  });
  return { tokens, back };
}

const rejected = (code) => (err) => {
  assert.equal(err.error, code, `${err.name}: ${err.error ?? err.message}`);
  return true;
};

test('discovery', () => {
  const server = config.serverMetadata();
  assert.equal(server.issuer, ISSUER);
  assert.ok(server.supportsPKCE('S256'));
  assert.equal(server.authorization_response_iss_parameter_supported, true);
  for (const method of ['client_secret_basic', 'client_secret_post', 'none']) {
    assert.ok(server.token_endpoint_auth_methods_supported.includes(method), method);
  }
});

test('the authorization code, with signature, nonce, iss and user info', async () => {
  const { tokens, back } = await authorize(new Browser(), { prompt: 'consent' });
  assert.equal(back.searchParams.get('iss'), ISSUER);
  assert.ok(tokens.refresh_token);
  assert.ok(tokens.expiresIn() > 0);
  const claims = tokens.claims();
  const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(info.sub, claims.sub);
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, 'another subject'));
  await assert.rejects(oidc.fetchUserInfo(config, 'not a token', claims.sub));
});

test('every way to authenticate the client', { skip: !CLIENT_SECRET }, async () => {
  for (const auth of simulator ? [oidc.ClientSecretBasic(CLIENT_SECRET), oidc.ClientSecretPost(CLIENT_SECRET)] : [authentication]) {
    const c = await discover(auth);
    const { tokens } = await authorize(new Browser(), { config: c, prompt: 'consent' });
    assert.ok(tokens.access_token);
  }
  const wrong = await discover(oidc.ClientSecretBasic('wrong'));
  await assert.rejects(authorize(new Browser(), { config: wrong, prompt: 'consent' }), (err) => {
    assert.ok(err.error === 'invalid_client' || err.response?.status === 401, String(err)); // both are allowed
    return true;
  });
});

test('a refresh rotates, takes fewer scopes and not more', async () => {
  let { tokens } = await authorize(new Browser(), { prompt: 'consent' });
  const sub = tokens.claims().sub;
  const first = tokens.refresh_token;
  tokens = await oidc.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid' });
  assert.equal(tokens.scope, 'openid');
  assert.equal(tokens.claims().sub, sub);
  assert.notEqual(tokens.refresh_token, first);
  tokens = await oidc.refreshTokenGrant(config, tokens.refresh_token);
  assert.deepEqual(new Set(tokens.scope.split(' ')), new Set(ALL.split(' ')));
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token, { scope: `${ALL} user_api.eloxx` }), rejected('invalid_scope'));
  tokens = await oidc.refreshTokenGrant(config, tokens.refresh_token);

  await assert.rejects(oidc.refreshTokenGrant(config, first), rejected('invalid_grant'));
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), rejected('invalid_grant')); // reuse ended the consent
});

test('a revoked refresh token', async () => {
  const { tokens } = await authorize(new Browser(), { prompt: 'consent' });
  await oidc.tokenRevocation(config, tokens.refresh_token, { token_type_hint: 'refresh_token' });
  await oidc.tokenRevocation(config, 'unknown');
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), rejected('invalid_grant'));
});

test('prompt and max_age', async () => {
  const browser = new Browser();
  await assert.rejects(authorize(browser, { prompt: 'none' }), rejected('login_required'));
  const first = await authorize(browser, { scope: 'openid', prompt: 'consent' });
  const silent = await authorize(browser, { scope: 'openid', prompt: 'none' });
  assert.equal(silent.tokens.claims().sub, first.tokens.claims().sub);

  const again = await authorize(browser, { scope: 'openid', prompt: 'login', max_age: '60' });
  assert.equal(typeof again.tokens.claims().auth_time, 'number');
  if (simulator) { // oidc-provider counts whole seconds
    await authorize(browser, { scope: 'openid', max_age: '0' });
    await assert.rejects(authorize(browser, { scope: 'openid', prompt: 'none', max_age: '0' }), rejected('login_required'));
  }
  await assert.rejects(authorize(browser, { prompt: 'none login' }), rejected('invalid_request'));
});

test('an unknown response_mode is refused', async () => {
  const browser = new Browser();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI, scope: 'openid', response_mode: 'pigeon', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
  });
  const response = await browser.request(url);
  const location = response.headers.get('location');
  assert.ok(response.status === 400 || new URL(location).searchParams.get('error') !== null, `${response.status} ${location}`);
});

test('logging out ends the session', async () => {
  const browser = new Browser();
  const { tokens } = await authorize(browser, { scope: 'openid', prompt: 'consent' });
  const url = oidc.buildEndSessionUrl(config, { id_token_hint: tokens.id_token, post_logout_redirect_uri: POST_LOGOUT_URI, state: 'bye' });
  const back = await browser.goTo(url, POST_LOGOUT_URI, { ...login, logout: 'yes' });
  assert.equal(back.searchParams.get('state'), 'bye');
  await assert.rejects(authorize(browser, { scope: 'openid', prompt: 'none' }), rejected('login_required'));
});

test('a code needs its verifier', async () => {
  const browser = new Browser();
  const state = oidc.randomState();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI, scope: 'openid', state, code_challenge_method: 'S256', prompt: 'consent',
    code_challenge: await oidc.calculatePKCECodeChallenge(oidc.randomPKCECodeVerifier()),
  });
  const back = await browser.goTo(url, REDIRECT_URI, login);
  await assert.rejects(oidc.authorizationCodeGrant(config, back, {
    pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedState: state,
  }), rejected('invalid_grant'));
});

test('a denied consent', { skip: !simulator }, async () => {
  const browser = new Browser();
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: REDIRECT_URI, scope: ALL, state: 's', code_challenge: 'x'.repeat(43), code_challenge_method: 'S256',
  });
  const back = await browser.goTo(url, REDIRECT_URI, { ...login, button: 'no' });
  await assert.rejects(oidc.authorizationCodeGrant(config, back, { expectedState: 's' }), rejected('access_denied'));
});

test('the password grant', { skip: !simulator }, async () => {
  const grant = oidc.genericGrantRequest(config, 'password', { username: EMAIL, password: PASSWORD, scope: 'user_api.full_access' });
  if (!CLIENT_SECRET) {
    await assert.rejects(grant, rejected('unauthorized_client'));
    return;
  }
  const tokens = await grant;
  assert.ok(tokens.access_token);
  await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, oidc.skipSubjectCheck), (err) => {
    assert.equal(err.cause?.[0]?.parameters?.error ?? err.cause?.error, 'insufficient_scope', String(err));
    return true;
  });
});
