"""Prints the statuses with which the receiver of docs/webhooks.md responds to messages."""

import json
import os
import sys

os.environ["WEBHOOK_SECRET"] = sys.argv[1]

from receiver import receive  # noqa: E402

with open("messages.json", encoding="utf-8") as messages:
    print(json.dumps([receive(message["headers"], message["body"].encode()) for message in json.load(messages)]))
