"""PyJWT (https://pyjwt.readthedocs.io) as a verifier: a token by the published keys, and what it
must refuse.

Usage: pyjwt_judge.py ISSUER CLIENT SECRET_FILE SCOPE AUDIENCE
"""

import sys

import jwt
import requests

issuer, client, secret_file, scope, audience = sys.argv[1:]
secret = open(secret_file).read().strip()

metadata = requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=10).json()
form = {"grant_type": "client_credentials", "scope": scope}
answer = requests.post(metadata["token_endpoint"], form, auth=(client, secret), timeout=10)
token = answer.json()["access_token"]

header = jwt.get_unverified_header(token)
assert header["typ"] == "at+jwt", header
key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token)
required = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]


def verify(text, audience=audience, issuer=issuer):
    options = {"require": required}
    algorithms = ["ES256", "RS256", "PS256", "EdDSA"]
    return jwt.decode(text, key, algorithms, options, audience=audience, issuer=issuer)


claims = verify(token)
assert claims["sub"] == claims["client_id"] == client, claims
assert claims["scope"] == scope, claims
head, payload, signature = token.split(".")
altered = payload[:-2] + ("A" if payload[-2] != "A" else "B") + payload[-1]
for what, act in (
    ("another audience", lambda: verify(token, audience="elsewhere")),
    ("another issuer", lambda: verify(token, issuer=issuer + "/")),
    ("an altered payload", lambda: verify(f"{head}.{altered}.{signature}")),
):
    try:
        act()
    except jwt.InvalidTokenError:
        continue
    sys.exit(f"{what} is accepted")
print(f"PyJWT: {header['alg']} verified by the published key, three others refused")
