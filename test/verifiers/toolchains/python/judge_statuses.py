# Reads the status claims of a table, and prints whether the recipe finds each revoked, or null where it refuses the claim or the list.

import json
import sys

import jwt
from recipe_statuses import StatusLists

with open(sys.argv[1]) as file:
    table = json.load(file)
lists = StatusLists(table["issuer"])


def is_revoked(entry: dict) -> bool | None:
    try:
        return lists.is_revoked({"status": {"status_list": entry}})
    except jwt.PyJWTError:
        return None


print(json.dumps([is_revoked(entry) for entry in table["entries"]]))
