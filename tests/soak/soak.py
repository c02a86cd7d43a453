"""`make soak`: never pay twice, never lose a clip, whatever breaks. Prints its figures; status 1 when one is wrong."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import anyio

from crashes import crash_everywhere
from fleet import CANARY, Fleet, bad_weather
from nonsense import feed
from same import DISTURBANCES, disturbed, same_call
from scripted_sandbox import Sandbox

TESTS = Path(__file__).parent.parent
ROCKET = TESTS / "photos" / "rocket.jpg"


def main() -> int:
    """Run the four parts; returns the exit status."""
    options = _options()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="soak-") as directory:
        root = Path(directory)
        good = [
            _storm(root, options),
            _same(root, options),
            _nonsense(root, options),
            _crashes(root, options),
            _exchanges(),
        ]
    print(f"\nwall time {time.monotonic() - begun:.0f} s: {'all is well' if all(good) else 'NOT WELL'}")
    return 0 if all(good) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=1000, help="animate calls over the server processes")
    parser.add_argument("--same", type=int, default=10_000, help="calls for the same three takes, from 8 processes")
    parser.add_argument("--disturbed", type=float, default=5, help="seconds of each thing that happens to a journal")
    parser.add_argument("--answers", type=int, default=10_000, help="malformed API answers")
    parser.add_argument("--stride", type=int, default=1, help="turns of the event loop between two crashes")
    parser.add_argument("--kill-every", type=float, default=1.0, help="seconds between two kills, about")
    parser.add_argument("--seed", type=int, default=20261123, help="of all dice")
    return parser.parse_args()


def _storm(root: Path, options: argparse.Namespace) -> bool:
    begun = time.monotonic()
    place = root / "fleet"
    (place / "tmp").mkdir(parents=True)
    sandbox = bad_weather(options.seed)
    fleet = Fleet(place, sandbox, seed=options.seed)
    with sandbox.running() as base_url:
        anyio.run(partial(fleet.storm, base_url, calls=options.calls, pause=options.kill_every))
        print(f"the storm took {time.monotonic() - begun:.0f} s", flush=True)
        anyio.run(fleet.reckoning, base_url)
    told = fleet.figures
    requests = len(sandbox.received)
    print(f"calls of animate_image   {told.calls} for {told.orders} orders; {told.looks} of get_prediction")
    print(f"kill -9                  {told.kills}")
    print(f"cancelled calls          {told.cancels}")
    print(f"faults played            {told.faults.total()} on {requests} requests")
    for endpoint in sorted({name.split(":")[0] for name in told.faults}):
        on_it = {name.split(":", 1)[1]: count for name, count in told.faults.items() if name.split(":")[0] == endpoint}
        print(f"    {endpoint:<11} {sum(on_it.values()):>5}  {on_it}")
    print("answers")
    for text, count in told.answers.most_common():
        print(f"    {count:>5}  {text}")
    print(f"accepted, paid           {told.accepted}")
    print(f"unknown, truly absent    {told.absent}")
    print(f"calls that hang          {told.hangs}")
    print(f"tracebacks               {told.tracebacks}")
    print(f"PAID TWICE               {len(told.paid_twice)}")
    print(f"LOST                     {len(told.lost)}")
    print(f"by the books, charged    ${told.books:.2f}, ${told.charged:.2f}")
    print(f"KEY TOLD                 {len(told.leaks)}")
    for line in (*told.paid_twice, *told.lost, *told.leaks):
        print(f"    {line}")
    print(f"took {time.monotonic() - begun:.0f} s\n", flush=True)
    off = told.books != told.charged
    return not (told.paid_twice or told.lost or told.leaks or told.hangs or told.tracebacks or off)


def _same(root: Path, options: argparse.Namespace) -> bool:
    begun = time.monotonic()
    figures = {"same call": same_call(root / "same", calls=options.same, processes=8, seed=options.seed)}
    for what in DISTURBANCES:
        figures[f"journal {what}"] = disturbed(root, what, seconds=options.disturbed)
    for name, told in figures.items():
        print(f"{name:<24} {', '.join(f'{count} {what}' for what, count in told.items())}")
    print(f"took {time.monotonic() - begun:.0f} s\n", flush=True)
    return not any(told["wrong"] for told in figures.values())


def _nonsense(root: Path, options: argparse.Namespace) -> bool:
    begun = time.monotonic()
    became, wrong = anyio.run(partial(feed, root, answers=options.answers, seed=options.seed, key=CANARY))
    print(f"malformed answers        {became.total() + len(wrong)}")
    for name, count in sorted(became.items()):
        print(f"    {count:>5}  {name}")
    print(f"NEITHER RESULT NOR ERROR {len(wrong)}")
    for text in wrong[:5]:
        print(f"    {text}")
    print(f"took {time.monotonic() - begun:.0f} s\n", flush=True)
    return not wrong


def _crashes(root: Path, options: argparse.Namespace) -> bool:
    begun = time.monotonic()
    place = root / "crashes"
    place.mkdir()
    sandbox = Sandbox(seconds=3600, short_side=64, keys={CANARY}, balance_usd=1e6)
    with sandbox.running() as base_url:
        figures = crash_everywhere(sandbox, base_url, CANARY, place, str(ROCKET), options.stride)
    leaks = [path for path in place.rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    for name, count in figures.items():
        print(f"crash at every turn      {name}: {count}")
    print(f"KEY TOLD                 {len(leaks)}")
    print(f"took {time.monotonic() - begun:.0f} s", flush=True)
    return not (figures["wrong"] or leaks)


def _exchanges() -> bool:
    """Directories are exchanged for links for 10 s each while clips are saved and pictures read."""
    test = ["-q", "-k", "exchanged_for_a_link", str(TESTS / "media" / "test_directories.py")]
    done = subprocess.run([sys.executable, "-m", "pytest", *test], env=os.environ | {"RACE_SECONDS": "10"}, check=False)
    print(f"WRITTEN OR READ OUTSIDE  {'no' if done.returncode == 0 else 'YES, OR NOT TRIED'}", flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
