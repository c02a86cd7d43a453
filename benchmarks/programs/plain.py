"""The requests of a clip in plain httpx: upload, price, submit, look. Prints wall and CPU seconds for each clip."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import httpx


def animate(http: httpx.Client, picture: Path, prompt: str) -> str:
    """Make one clip, asking for it until it is there."""
    with picture.open("rb") as file:
        files = {"file": (picture.name, file, "image/jpeg")}
        uploaded = http.post("model/uploadMedia", files=files).raise_for_status().json()["data"]
    body = {"model": "minimax/hailuo-2.3/i2v-standard", "image": uploaded["download_url"], "prompt": prompt}
    http.post("model/calculate", json=body).raise_for_status().json()
    prediction_id = http.post("model/generateVideo", json=body).raise_for_status().json()["data"]["id"]
    while True:
        looked = http.get(f"model/prediction/{prediction_id}").raise_for_status().json()["data"]
        if looked["status"] == "completed":
            return str(looked["outputs"][0])


base_url, *pictures = sys.argv[1:]
headers = {"Authorization": "Bearer benchmark", "User-Agent": "plain/1"}
with httpx.Client(base_url=base_url, headers=headers, trust_env=False) as client:
    animate(client, Path(pictures[0]), "the first one opens the connection")
    begun, used = time.perf_counter(), time.process_time()
    for name in pictures[1:]:
        animate(client, Path(name), name)
    count = len(pictures) - 1
    print(json.dumps([(time.perf_counter() - begun) / count, (time.process_time() - used) / count]))
