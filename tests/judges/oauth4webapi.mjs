// oauth4webapi (https://github.com/panva/oauth4webapi), as strict a client and resource server as
// there is: discovery, a token by Basic and by body, and the token validated as RFC 9068 has it.
//
// Usage: oauth4webapi.mjs ISSUER CLIENT SECRET_FILE SCOPE AUDIENCE
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as oauth from "oauth4webapi";

const [issuer, id, file, scope, audience] = process.argv.slice(2);
const secret = readFileSync(file, "utf8").trim();
const insecure = { [oauth.allowInsecureRequests]: true };

const found = await oauth.discoveryRequest(new URL(issuer), { algorithm: "oauth2", ...insecure });
const server = await oauth.processDiscoveryResponse(new URL(issuer), found);
const self = { client_id: id };

for (const method of [oauth.ClientSecretBasic, oauth.ClientSecretPost]) {
  const asked = await oauth.clientCredentialsGrantRequest(
    server, self, method(secret), new URLSearchParams({ scope }), insecure);
  const token = await oauth.processClientCredentialsResponse(server, self, asked);
  assert.equal(token.scope, scope);
  const call = (text) => new Request(`${issuer}/`, { headers: { authorization: `Bearer ${text}` } });
  const claims = await oauth.validateJwtAccessToken(
    server, call(token.access_token), audience, insecure);
  assert.equal(claims.client_id, id);
  assert.equal(claims.sub, id);
  await assert.rejects(
    oauth.validateJwtAccessToken(server, call(token.access_token), "elsewhere", insecure));
  const parts = token.access_token.split(".");
  const other = [parts[0], parts[1], parts[2].split("").reverse().join("")].join(".");
  await assert.rejects(oauth.validateJwtAccessToken(server, call(other), audience, insecure));
}

// RFC 9728: what the API says of itself names the server that was just asked.
const place = await fetch(`${issuer}/.well-known/oauth-protected-resource`);
if (place.ok) {
  const resource = await oauth.processResourceDiscoveryResponse(new URL(issuer), place);
  assert.ok(resource.authorization_servers.includes(issuer));
}
console.log("oauth4webapi: tokens by Basic and by body validated as RFC 9068 has it");
