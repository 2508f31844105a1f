# Reads the tokens of a table, and prints the subject that a recipe reads from each, or null where it refuses the token. The first
# argument is the recipe's module, the second the error that it refuses with, and the third the table.

import importlib
import json
import sys

recipe, error, table = sys.argv[1:]
module, _, name = error.rpartition(".")
refusal = getattr(importlib.import_module(module), name)

with open(table) as file:
    judged = json.load(file)
verifiers = {}


def subject_of(audience: str, token: str) -> str | None:
    if audience not in verifiers:
        verifiers[audience] = importlib.import_module(recipe).Verifier(judged["issuer"], audience)
    try:
        return verifiers[audience].verify(token)["sub"]
    except refusal:
        return None


print(json.dumps([subject_of(one["audience"], one["token"]) for one in judged["tokens"]]))
