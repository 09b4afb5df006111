"""Authlib (https://authlib.org) as a client: metadata, a token by Basic and by body, refusals.

Usage: authlib_judge.py ISSUER CLIENT SECRET_FILE SCOPE AUDIENCE
"""

import sys

import requests
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata, get_well_known_url

issuer, client, secret_file, scope, audience = sys.argv[1:]
secret = open(secret_file).read().strip()

metadata = requests.get(get_well_known_url(issuer, external=True), timeout=10).json()
assert metadata["issuer"] == issuer, metadata
AuthorizationServerMetadata(metadata).validate_token_endpoint_auth_methods_supported()
assert metadata["token_endpoint_auth_methods_supported"], metadata


def session(method, offered):
    return OAuth2Session(client, offered, token_endpoint_auth_method=method, scope=scope)


def fetch(method, offered=secret):
    with session(method, offered) as one:
        return one.fetch_token(metadata["token_endpoint"], grant_type="client_credentials")


for method in ("client_secret_basic", "client_secret_post"):
    token = fetch(method)
    assert token["token_type"].lower() == "bearer" and token["scope"] == scope, token
    assert token["expires_in"] > 0 and "refresh_token" not in token, token
    try:
        fetch(method, secret + "x")
    except OAuthError as error:
        assert error.error == "invalid_client", error
    else:
        sys.exit(f"{method}: a wrong secret got a token")
print("Authlib: tokens by Basic and by body, wrong secrets refused")
