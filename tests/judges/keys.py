"""Makes the keys of clients that prove themselves by one: the public half as a JWK Set for the
configuration, the private half as a JWK for the judge that is the client.

Usage: keys.py DIRECTORY CLIENT=ALGORITHM …, for DIRECTORY/CLIENT.jwks.json and .private.json
"""

import json
import pathlib
import sys

from joserfc.jwk import ECKey, OKPKey, RSAKey

MAKE = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
    "RS256": lambda: RSAKey.generate_key(2048),
}

directory = pathlib.Path(sys.argv[1])
for asked in sys.argv[2:]:
    client, algorithm = asked.split("=")
    key = MAKE[algorithm]()
    said = {"alg": algorithm, "use": "sig", "kid": key.thumbprint()}
    public, private = key.as_dict(private=False, **said), key.as_dict(private=True, **said)
    assert "d" in private and "d" not in public, public
    (directory / f"{client}.jwks.json").write_text(json.dumps({"keys": [public]}))
    (directory / f"{client}.private.json").write_text(json.dumps(private))
