# Says what is in stock. It verifies tokens with PyJWT, as docs/verifying-tokens.md shows.

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER = os.environ["ISSUER"]
RULES = {
    "issuer": ISSUER,
    "audience": "https://inventory.example",
    "leeway": 30,
    "options": {"require": ["exp", "iss", "aud", "sub"]},
}
keys = jwt.PyJWKClient(f"{ISSUER}/.well-known/jwks.json", timeout=5)
bearer = HTTPBearer(auto_error=False)
app = FastAPI()


def verify(token: str) -> dict:
    key = keys.get_signing_key_from_jwt(token)
    decoded = jwt.decode_complete(token, key, algorithms=[key.algorithm_name], **RULES)
    if decoded["header"].get("typ") != "at+jwt":
        raise jwt.InvalidTokenError("not an access token")
    return decoded["payload"]


def require_scope(scope: str):
    def check(credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]) -> dict:
        if credentials is None:
            raise HTTPException(401, "A token is required", {"WWW-Authenticate": "Bearer"})
        try:
            claims = verify(credentials.credentials)
        except jwt.PyJWKClientConnectionError as error:
            raise HTTPException(503, "The keys cannot be fetched") from error
        except jwt.PyJWTError as error:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            raise HTTPException(401, "The token is invalid", challenge) from error
        if scope not in claims.get("scope", "").split():
            challenge = {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'}
            raise HTTPException(403, "The scope is insufficient", challenge)
        return claims

    return check


@app.get("/stock", dependencies=[Depends(require_scope("inventory:read"))])
def list_stock() -> dict[str, int]:
    return {"chair": 12, "table": 3}
