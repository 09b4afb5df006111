// openid-client (https://github.com/panva/openid-client) without any shared secret: it proves
// itself by `private_key_jwt`, binds its tokens to a key of its own (DPoP), calls an API with them,
// has another client ask what they say, and revokes them.
//
// Usage: openid-client-keys.mjs ISSUER CLIENT KEY_FILE SCOPE AUDIENCE UPSTREAM_PORT READER READER_KEY_FILE
//
// The reader is a client that the API names under `introspection`; the port is where the API's service
// is, which this is too.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { calculateJwkThumbprint, decodeJwt, exportJWK, importJWK } from "jose";
import * as client from "openid-client";
import { upstream } from "./upstream.mjs";

const [issuer, id, file, scope, audience, port, reader, readerFile] = process.argv.slice(2);

const read = async (name) => {
  const jwk = JSON.parse(readFileSync(name, "utf8"));
  return { key: await importJWK(jwk, jwk.alg), kid: jwk.kid, alg: jwk.alg };
};
const [own, readers] = [await read(file), await read(readerFile)];

const signed = []; // every assertion, as the library makes it before it is changed
const proves = ({ key, kid }, change = () => {}) => client.PrivateKeyJwt({ key, kid }, {
  [client.modifyAssertion]: (header, claims) => {
    signed.push({ header: structuredClone(header), claims: structuredClone(claims) });
    change(header, claims);
  },
});
const discover = (name, proof) => client.discovery(new URL(issuer), name, undefined, proof, {
  algorithm: "oauth2",
  execute: [client.allowInsecureRequests],
});

// --- private_key_jwt
const self = await discover(id, proves(own));
const metadata = self.serverMetadata();
assert.ok(metadata.token_endpoint_auth_methods_supported.includes("private_key_jwt"));
assert.ok(metadata.token_endpoint_auth_signing_alg_values_supported.includes(own.alg));
const plain = await client.clientCredentialsGrant(self, { scope });
assert.equal(plain.token_type, "bearer");
assert.equal(plain.scope, scope);
assert.equal(decodeJwt(plain.access_token).client_id, id);
assert.equal(signed[0].header.alg, own.alg);
assert.equal(signed[0].claims.aud, issuer); // RFC 10070, without our doing

// With a challenge in the answer the library tells of that, and leaves the error to be read.
const failure = (act) => act.then(() => assert.fail("it passes"), (error) => error);
const changed = (change) => proves(own, change);
for (const [what, names, proof] of [
  ["another's key under the name of its own", "key", proves({ ...readers, kid: own.kid })],
  ["the token endpoint as audience", "aud", changed((_, claims) => { claims.aud = metadata.token_endpoint; })],
  ["two audiences", "aud", changed((_, claims) => { claims.aud = [issuer, "https://elsewhere.example"]; })],
  ["an hour of life", "exp", changed((_, claims) => { claims.exp = claims.iat + 3600; })],
  ["an assertion that was used", "jti", changed((_, claims) => { claims.jti = signed[0].claims.jti; })],
]) {
  const other = await discover(id, proof);
  const { status, response } = await failure(client.clientCredentialsGrant(other, { scope }));
  const told = await response?.json();
  assert.deepEqual([status, told?.error], [401, "invalid_client"], what);
  assert.ok(told.error_description.split(" ").includes(names), told.error_description);
}

// --- DPoP: the token
let sent = []; // every request of the client `self`
self[client.customFetch] = (url, options) => {
  sent.push({ url, proof: new Headers(options.headers).get("dpop") });
  return fetch(url, options);
};
const counted = async (act) => {
  sent = [];
  const result = await act();
  return { result, requests: sent.length };
};
const pair = await client.randomDPoPKeyPair();
const thumbprint = await calculateJwkThumbprint(await exportJWK(pair.publicKey));
const handle = client.getDPoPHandle(self, pair);
const grant = () => client.clientCredentialsGrant(self, { scope }, { DPoP: handle });
const first = await counted(grant);
assert.equal(first.requests, 2, "the first proof has no nonce, and the library comes again with it");
const again = await counted(grant);
assert.equal(again.requests, 1, "the nonce is kept");
assert.equal(first.result.token_type, "dpop");
const token = first.result.access_token;
assert.deepEqual(decodeJwt(token).cnf, { jkt: thumbprint });

// --- DPoP: the API
const { orders, end } = await upstream(port);
const url = new URL(`${issuer}/orders?from=judges`);
const headers = { "content-type": "application/json" };
const order = (text, DPoP) =>
  client.fetchProtectedResource(self, text, url, "POST", '{"count":4}', new Headers(headers), { DPoP });
// The last part of a problem's type is its code.
const code = async (answer) => (await answer.json()).type.split(":").at(-1);
const refused = async (act, expected) => {
  const { status, response } = await failure(act);
  assert.deepEqual([status, await code(response)], [401, expected]);
};
// One that has seen no nonce: the gateway gives it one as the token endpoint did.
const fresh = client.getDPoPHandle(self, pair);
const called = await counted(() => order(token, fresh));
assert.equal(called.result.status, 201);
assert.equal(called.requests, 2);
assert.equal(orders.length, 1);
assert.equal(orders[0]["gatepost-client"], id);
assert.equal(orders[0].authorization, undefined);
assert.equal(orders[0].dpop, undefined);
const { proof } = sent.at(-1);

await refused(order(token), "token-bound");
const stranger = client.getDPoPHandle(self, await client.randomDPoPKeyPair());
await refused(order(token, stranger), "dpop-proof-invalid");
const shown = { authorization: `DPoP ${token}`, dpop: proof };
const replayed = await fetch(url, { method: "POST", headers: shown });
assert.deepEqual([replayed.status, await code(replayed)], [401, "dpop-proof-invalid"]);
assert.equal(orders.length, 1, "nothing of what was refused came through");
assert.equal((await order(plain.access_token)).status, 201, "a token that is not bound is no worse");

// --- introspection and revocation
const asks = await discover(reader, proves(readers));
const said = await client.tokenIntrospection(asks, token);
assert.equal(said.active, true);
assert.equal(said.client_id, id);
assert.equal(said.scope, scope);
assert.equal(said.aud, audience);
assert.equal(said.token_type.toLowerCase(), "dpop");
assert.deepEqual(said.cnf, { jkt: thumbprint });
assert.deepEqual(await client.tokenIntrospection(self, token), { active: false }, "nobody else learns");
assert.deepEqual(await client.tokenIntrospection(asks, `${token}x`), { active: false });

await client.tokenRevocation(asks, token);
assert.equal((await client.tokenIntrospection(asks, token)).active, true, "it is not the reader's to end");
await client.tokenRevocation(self, token);
assert.deepEqual(await client.tokenIntrospection(asks, token), { active: false });
await refused(order(token, fresh), "token-revoked");
assert.equal((await order(again.result.access_token, fresh)).status, 201, "the other token is still good");
await client.tokenRevocation(self, "no token at all");
end();
console.log(
  `openid-client: private_key_jwt by ${own.alg}, five wrong assertions refused; DPoP tokens with nonces at ` +
  "both ends, refused as Bearer, with another key and with a used proof; introspected by another, revoked",
);
