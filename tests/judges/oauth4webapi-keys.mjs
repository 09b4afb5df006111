// oauth4webapi (https://github.com/panva/oauth4webapi) without any shared secret: `private_key_jwt`,
// and tokens bound to a key (DPoP), which it also validates as a resource server would.
//
// Usage: oauth4webapi-keys.mjs ISSUER CLIENT KEY_FILE SCOPE AUDIENCE UPSTREAM_PORT
//
// The port is where the API's service is, which this is too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { calculateJwkThumbprint, exportJWK, importJWK } from "jose";
import * as oauth from "oauth4webapi";
import { upstream } from "./upstream.mjs";

const [issuer, id, file, scope, audience, port] = process.argv.slice(2);
const jwk = JSON.parse(readFileSync(file, "utf8"));
const key = await importJWK(jwk, jwk.alg);
let shownProof; // in the last request
const plain = {
  [oauth.allowInsecureRequests]: true,
  [oauth.customFetch]: (url, options) => {
    shownProof = new Headers(options.headers).get("dpop");
    return fetch(url, options);
  },
};
const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...plain });
const server = await oauth.processDiscoveryResponse(new URL(issuer), found);
const self = { client_id: id };
// Without the name of the key, which the only one of a set does not need.
const proves = oauth.PrivateKeyJwt(key);

const grant = async (options, proof = proves) => {
  const asked = await oauth.clientCredentialsGrantRequest(
    server, self, proof, new URLSearchParams({ scope }), options);
  return oauth.processClientCredentialsResponse(server, self, asked);
};
// Once more with the nonce that the handle has kept, where one was demanded.
const withNonce = async (act) => {
  let demanded = 0;
  const result = await act().catch((error) => {
    assert.ok(oauth.isDPoPNonceError(error), error);
    demanded += 1;
    return act();
  });
  assert.equal(demanded, 1, "a proof without a nonce is told to have one");
  return result;
};

const bearer = await grant(plain);
assert.equal(bearer.token_type, "bearer");
const { privateKey } = await oauth.generateKeyPair(jwk.alg);
await assert.rejects(grant(plain, oauth.PrivateKeyJwt(privateKey)), { status: 401 });

const { orders, end } = await upstream(port);
const url = new URL(`${issuer}/orders`);
const algorithms = ["ES256", "Ed25519", "PS256"];
for (const algorithm of algorithms) {
  assert.ok(server.dpop_signing_alg_values_supported.includes(algorithm));
  const pair = await oauth.generateKeyPair(algorithm);
  const options = { ...plain, DPoP: oauth.DPoP(self, pair) };
  const token = await withNonce(() => grant(options));
  assert.equal(token.token_type, "dpop");
  assert.equal(token.scope, scope);

  // The API: the same key, and a handle that knows no nonce yet.
  const fresh = { ...plain, DPoP: oauth.DPoP(self, pair) };
  const order = (more) =>
    oauth.protectedResourceRequest(token.access_token, "POST", url, new Headers(), null, more);
  const answer = await withNonce(() => order(fresh));
  assert.equal(answer.status, 201);
  const before = orders.length;
  const shown = { authorization: `DPoP ${token.access_token}`, dpop: shownProof };
  await assert.rejects(order(plain), { status: 401 }, "as Bearer it opens nothing");
  const other = { ...plain, DPoP: oauth.DPoP(self, await oauth.generateKeyPair(algorithm)) };
  await assert.rejects(order(other), { status: 401 }, "with another key neither");
  const replayed = await fetch(url, { method: "POST", headers: shown });
  assert.equal(replayed.status, 401, "and a proof counts once");
  assert.equal(orders.length, before);

  // What the gateway was shown, judged by the library itself (RFC 9068, RFC 9449 §4.3).
  const call = (headers) => new Request(url, { method: "POST", headers });
  const demand = { ...plain, requireDPoP: true };
  const claims = await oauth.validateJwtAccessToken(server, call(shown), audience, demand);
  assert.equal(claims.client_id, id);
  const jkt = await calculateJwkThumbprint(await exportJWK(pair.publicKey));
  assert.deepEqual(claims.cnf, { jkt });
  const asBearer = { authorization: `Bearer ${bearer.access_token}` };
  await assert.rejects(oauth.validateJwtAccessToken(server, call(asBearer), audience, demand));
}
assert.equal(orders.length, algorithms.length);
end();
console.log(
  `oauth4webapi: private_key_jwt by ${jwk.alg}, another key refused; DPoP tokens by ${algorithms.join(", ")} with ` +
  "nonces at both ends, validated, refused as Bearer, with another key and with a used proof",
);
