"""The same as plain.py with httpx.AsyncClient, which a server needs: one that waits must not block its other calls."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path

import httpx


async def animate(http: httpx.AsyncClient, picture: Path, prompt: str) -> str:
    """Make one clip, asking for it until it is there."""
    with picture.open("rb") as file:
        files = {"file": (picture.name, file, "image/jpeg")}
        uploaded = (await http.post("model/uploadMedia", files=files)).raise_for_status().json()["data"]
    body = {"model": "minimax/hailuo-2.3/i2v-standard", "image": uploaded["download_url"], "prompt": prompt}
    (await http.post("model/calculate", json=body)).raise_for_status().json()
    prediction_id = (await http.post("model/generateVideo", json=body)).raise_for_status().json()["data"]["id"]
    while True:
        looked = (await http.get(f"model/prediction/{prediction_id}")).raise_for_status().json()["data"]
        if looked["status"] == "completed":
            return str(looked["outputs"][0])


async def main(base_url: str, *pictures: str) -> None:
    """Make one clip of each picture."""
    headers = {"Authorization": "Bearer benchmark", "User-Agent": "plain/1"}
    async with httpx.AsyncClient(base_url=base_url, headers=headers, trust_env=False) as http:
        await animate(http, Path(pictures[0]), "the first one opens the connection")
        begun, used = time.perf_counter(), time.process_time()
        for name in pictures[1:]:
            await animate(http, Path(name), name)
        count = len(pictures) - 1
        print(json.dumps([(time.perf_counter() - begun) / count, (time.process_time() - used) / count]))


asyncio.run(main(*sys.argv[1:]))
