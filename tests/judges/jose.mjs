// jose (https://github.com/panva/jose): a token verified by the published set, and what it refuses.
// The name of each key is its thumbprint (RFC 7638), computed here independently.
//
// Usage: jose.mjs ISSUER CLIENT SECRET_FILE SCOPE AUDIENCE
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { calculateJwkThumbprint, createRemoteJWKSet, jwtVerify } from "jose";

const [issuer, id, file, scope, audience] = process.argv.slice(2);
const secret = readFileSync(file, "utf8").trim();
const metadata = await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json();
const body = new URLSearchParams({
  grant_type: "client_credentials", client_id: id, client_secret: secret, scope,
});
const { access_token: token } = await (await fetch(metadata.token_endpoint, { method: "POST", body })).json();

const { keys } = await (await fetch(metadata.jwks_uri)).json();
for (const key of keys) {
  assert.equal(key.kid, await calculateJwkThumbprint(key));
  assert.equal(key.use, "sig");
  assert.ok(key.alg);
  assert.deepEqual(Object.keys(key).filter((name) => ["d", "p", "q", "dp", "dq", "qi", "k"].includes(name)), []);
}

const set = createRemoteJWKSet(new URL(metadata.jwks_uri));
const demand = {
  issuer, audience, typ: "at+jwt",
  requiredClaims: ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"],
};
const { payload, protectedHeader } = await jwtVerify(token, set, demand);
assert.equal(payload.client_id, id);
assert.equal(payload.scope, scope);
for (const change of [{ audience: "elsewhere" }, { issuer: `${issuer}/` }, { typ: "JWT" }, { algorithms: ["HS256"] }]) {
  await assert.rejects(jwtVerify(token, set, { ...demand, ...change }), undefined, JSON.stringify(change));
}
console.log(`jose: ${protectedHeader.alg} verified by the published set, four demands refused`);
