"""Checks an access token and its status, with PyJWT and openvc-core. Arguments: the JWK Set, the issuer, the token, and a file with the list."""

import json
import sys

import jwt
from openvc.status.token_status_list import check_token_status

keys, issuer, token, file = sys.argv[1:]
key_set = jwt.PyJWKSet.from_dict(json.loads(keys))


def verify(value, **options):
    key = key_set[jwt.get_unverified_header(value)["kid"]]
    return jwt.decode(value, key, algorithms=[key.algorithm_name], **options)


def resolve(uri):
    with open(file) as lines:
        value = lines.read()
    assert jwt.get_unverified_header(value)["typ"] == "statuslist+jwt"
    return verify(value, subject=uri, options={"require": ["sub", "iat", "exp"], "verify_iat": False})


claims = verify(token, audience=issuer, issuer=issuer)
result = check_token_status(claims, resolve_status_list_token=resolve)
print(json.dumps({"status": result.status, "index": result.ref.index, "revoked": result.revoked}))
