import re
import sys
from io import BytesIO
from typing import TypeVar
from urllib.parse import parse_qs, urlsplit

from latchkey_client import AuthenticatedClient, Client
from latchkey_client.api.auth import introspect_token, request_token, revoke_token
from latchkey_client.api.items import (
    create_own_item,
    export_own_items,
    import_own_items,
    list_own_items,
    patch_own_item,
    read_own_item,
)
from latchkey_client.api.users import read_current_user
from latchkey_client.models import (
    Error,
    HTTPValidationError,
    Introspection,
    ItemDetail,
    ItemPatch,
    NewItem,
    Revocation,
    Token,
    TokenReference,
    TokenRequest,
    User,
)
from latchkey_client.types import UNSET, File

_, base_url, client_id, client_secret = sys.argv
T = TypeVar("T")


def required(kind: type[T], body: object) -> T:
    assert isinstance(body, kind), body
    return body


def next_cursor(link: str) -> str | None:
    """Returns the cursor of the page after this one, from the header `Link`."""
    found = re.search('<([^>]*)>; rel="next"', link)
    return parse_qs(urlsplit(found[1]).query)["cursor"][0] if found else None


def request(form: TokenRequest) -> Token:
    return required(Token, request_token.sync(client=client, body=form))


client = Client(base_url=base_url)
login = request(TokenRequest(grant_type="password", username="johndoe", password="secret"))
refreshed = request(TokenRequest(grant_type="refresh_token", refresh_token=login.refresh_token))
user = AuthenticatedClient(base_url=base_url, token=refreshed.access_token)

me = required(User, read_current_user.sync(client=user))
assert me.username == "johndoe"

new_item = NewItem(item_id="python", title="A thing")
key = "openapi-python-client"
created = required(ItemDetail, create_own_item.sync(client=user, body=new_item, idempotency_key=key))
assert created.title == "A thing"
repeated = create_own_item.sync_detailed(client=user, body=new_item, idempotency_key=key)
assert repeated.headers["Idempotency-Replayed"] == "true"
assert repeated.parsed == created

conflict = create_own_item.sync_detailed(client=user, body=new_item)
assert conflict.status_code == 409
assert required(Error, conflict.parsed).code == "item_exists"

invalid = create_own_item.sync_detailed(client=user, body=NewItem(title="two\nlines"))
assert invalid.status_code == 422
assert required(HTTPValidationError, invalid.parsed).detail[0].loc == ["body", "title"]

listed: list[str] = []
cursor: str | None = None
while True:
    page = list_own_items.sync_detailed(client=user, limit=1, cursor=cursor or UNSET)
    listed += [item.item_id for item in required(list, page.parsed)]
    cursor = next_cursor(page.headers.get("Link", ""))
    if cursor is None:
        break
assert len(listed) > 1 and created.item_id in listed

read = read_own_item.sync_detailed(created.item_id, client=user)
etag = read.headers["ETag"]
patched = patch_own_item.sync(created.item_id, client=user, if_match=etag, body=ItemPatch(title="Another thing"))
assert required(ItemDetail, patched).title == "Another thing"
late = patch_own_item.sync_detailed(created.item_id, client=user, if_match=etag, body=ItemPatch(title="Too late"))
assert late.status_code == 412
assert required(Error, late.parsed).code == "precondition_failed"

line = BytesIO(b'{"item_id": "imported", "title": "One of many"}\n')
imported = import_own_items.sync_detailed(client=user, body=File(payload=line))
assert imported.status_code == 200, imported
exported = required(File, export_own_items.sync(client=user))
assert b'"imported"' in exported.payload.read()

credentials = {"client_id": client_id, "client_secret": client_secret}
own = request(TokenRequest(grant_type="client_credentials", **credentials))
reference = TokenReference(token=own.access_token, **credentials)
active = required(Introspection, introspect_token.sync(client=client, body=reference))
assert active.client_id == client_id
required(Revocation, revoke_token.sync(client=client, body=reference))
revoked = required(Introspection, introspect_token.sync(client=client, body=reference))
assert not revoked.active
