"""The sandbox in a process of its own, until its standard input ends; prints its base URL."""

from __future__ import annotations

import json
import sys

from atlascloud_sandbox import Account, Sandbox

options = json.loads(sys.argv[1])
with Sandbox(Account(balance_usd=1e9, **options), short_side=96).running() as base_url:
    print(base_url, flush=True)
    sys.stdin.read()
