"""Many predictions at once in plain httpx, each looked at every two seconds. Prints what came of it as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from datetime import datetime

import httpx

PAUSE = 2.0


async def animate(http: httpx.AsyncClient, prompt: str) -> float:
    """Make one clip; gives the seconds from its completion until it was seen."""
    body = {"model": "minimax/hailuo-2.3/i2v-standard", "image": "https://pictures.example/cat.jpg", "prompt": prompt}
    (await http.post("model/calculate", json=body)).raise_for_status().json()
    prediction_id = (await http.post("model/generateVideo", json=body)).raise_for_status().json()["data"]["id"]
    while True:
        looked = (await http.get(f"model/prediction/{prediction_id}")).raise_for_status().json()["data"]
        if looked["status"] == "completed":
            return time.time() - datetime.fromisoformat(looked["completed_at"]).timestamp()
        await asyncio.sleep(PAUSE)


async def main(base_url: str, count: int) -> None:
    """Make all clips."""
    headers = {"Authorization": "Bearer benchmark", "User-Agent": "crowd/1"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False, timeout=60) as http:
        used = time.process_time()
        lags = await asyncio.gather(*(animate(http, f"clip {number}") for number in range(count)))
        cpu = time.process_time() - used
    print(json.dumps({"cpu": cpu / count, "lag": max(lags)}))


asyncio.run(main(sys.argv[1], int(sys.argv[2])))
