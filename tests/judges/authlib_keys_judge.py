"""Authlib (https://authlib.org) without a secret: `private_key_jwt`, by its own client
authentication, and what it sends when it is not told otherwise.

The library takes the audience for the token endpoint's URL, and lets an assertion live for an hour.
RFC 10070 wants the issuer, and ten minutes are the longest here, so both are said.

Usage: authlib_keys_judge.py ISSUER CLIENT KEY_FILE SCOPE AUDIENCE LEGACY_CLIENT READER READER_KEY_FILE

The legacy client has the same key, and `legacy_audience` in the configuration. The reader is a client
that the API names under `introspection`; its key is of P-256.
"""

import json
import sys
import time

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url
from joserfc.jwk import ECKey, RSAKey

issuer, client, key_file, scope, audience, legacy, reader, reader_file = sys.argv[1:]
key = RSAKey.import_key(json.load(open(key_file)))
reader_key = ECKey.import_key(json.load(open(reader_file)))
metadata = requests.get(get_well_known_url(issuer, external=True), timeout=10).json()
AuthorizationServerMetadata(metadata).validate_token_endpoint_auth_signing_alg_values_supported()
assert "private_key_jwt" in metadata["token_endpoint_auth_methods_supported"], metadata
endpoint = metadata["token_endpoint"]


def fetch(audience=issuer, lifetime=60, client=client, key=key):
    # A new one for each request: given claims, the library keeps them, and the `jti` with them.
    claims = None if lifetime is None else {"exp": int(time.time()) + lifetime}
    method = PrivateKeyJWT(audience, claims=claims, headers={"kid": key.kid})
    with OAuth2Session(client, key, token_endpoint_auth_method=method, scope=scope) as session:
        return session.fetch_token(endpoint, grant_type="client_credentials")


def refused(what, **asked):
    try:
        fetch(**asked)
    except OAuthError as error:
        assert error.error == "invalid_client", (what, error)
        return
    sys.exit(f"{what} gets a token")


for asked in ({}, {"client": legacy}, {"client": legacy, "audience": None}):
    token = fetch(**asked)
    assert token["token_type"].lower() == "bearer" and token["scope"] == scope, token
    assert token["expires_in"] > 0 and "refresh_token" not in token, token
refused("the token endpoint as audience", audience=None)
refused("an assertion of an hour", lifetime=None)
refused("an assertion that is over", lifetime=-1)
refused("another key of the same name", key=RSAKey.generate_key(2048, {"kid": key.kid}))


# The same way to prove itself ends a token at the revocation endpoint, and asks about one.
def proves(key, **more):
    claims = {"exp": int(time.time()) + 60}
    return PrivateKeyJWT(issuer, claims=claims, headers={"kid": key.kid}, **more)


def revoke(token):
    with OAuth2Session(client, key, revocation_endpoint_auth_method=proves(key)) as session:
        answer = session.revoke_token(metadata["revocation_endpoint"], token=token)
        assert answer.status_code == 200, answer.text


def is_active(token):
    method = proves(reader_key, alg="ES256")
    with OAuth2Session(reader, reader_key, token_endpoint_auth_method=method) as session:
        answer = session.introspect_token(metadata["introspection_endpoint"], token=token)
        assert answer.status_code == 200, answer.text
        return answer.json()["active"]


# Somebody else's is answered alike, and stays good.
own, others = fetch()["access_token"], fetch(client=legacy)["access_token"]
assert is_active(own) and is_active(others)
revoke(own)
revoke(others)
assert not is_active(own), "a token that its client has revoked is still good"
assert is_active(others), "a client ends another's token"
print(
    "Authlib: private_key_jwt by RS256 for the issuer, and for the token endpoint where "
    "legacy_audience lets it; four wrong assertions refused; its own token revoked, another's not"
)
