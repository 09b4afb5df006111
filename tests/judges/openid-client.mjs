// openid-client (https://github.com/panva/openid-client): discovery by both well-known places, a
// token by Basic and by body, and what a wrong secret is told.
//
// Usage: openid-client.mjs ISSUER CLIENT SECRET_FILE SCOPE AUDIENCE
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as client from "openid-client";

const [issuer, id, file, scope] = process.argv.slice(2);
const secret = readFileSync(file, "utf8").trim();

const discover = (method, algorithm) =>
  client.discovery(new URL(issuer), id, undefined, method, {
    algorithm,
    execute: [client.allowInsecureRequests],
  });

for (const algorithm of ["oauth2", "oidc"]) {
  for (const method of [client.ClientSecretBasic, client.ClientSecretPost]) {
    const good = await discover(method(secret), algorithm);
    assert.equal(good.serverMetadata().issuer, issuer);
    const token = await client.clientCredentialsGrant(good, { scope });
    assert.equal(token.token_type.toLowerCase(), "bearer");
    assert.equal(token.scope, scope);
    assert.ok(token.expires_in > 0 && token.refresh_token === undefined);
    const bad = await discover(method(`${secret}x`), algorithm);
    // With a challenge in the answer the library tells of that, and without one of the error.
    await assert.rejects(client.clientCredentialsGrant(bad, { scope }), ({ status, error, code }) =>
      status === 401 && (error === "invalid_client" || code === "OAUTH_WWW_AUTHENTICATE_CHALLENGE"));
  }
}
console.log("openid-client: discovered twice, tokens by Basic and by body, wrong secrets refused");
