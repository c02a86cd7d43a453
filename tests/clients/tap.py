"""Stands between a client and the server and writes down what each says; run as `tap.py DIRECTORY COMMAND...`.

It passes everything on as it comes. Each server process has a file of its own, `DIRECTORY/PID.jsonl`; a line of it is
one piece of the stream as `[seconds, sender, text]`, the bytes as Latin-1, with an empty text for the stream's end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path


def note(log: int, sender: str, text: str) -> None:
    """Write down a piece, in one go since two threads do so."""
    os.write(log, json.dumps([time.monotonic(), sender, text]).encode() + b"\n")


def pass_on(sender: str, source: int, sink: int, log: int) -> None:
    """Copy until the source ends, then close the sink."""
    piece = b" "
    while piece:
        piece = os.read(source, 65536)
        note(log, sender, piece.decode("latin-1"))
        try:
            rest = piece
            while rest:
                rest = rest[os.write(sink, rest) :]
        except BrokenPipeError:
            break
    os.close(sink)


def main() -> int:
    """Run the server; returns its exit status."""
    directory, *command = sys.argv[1:]
    log = os.open(Path(directory, f"{os.getpid()}.jsonl"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    note(log, "tap", "started")
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    signal.signal(signal.SIGTERM, lambda *_: server.terminate())
    if server.stdin is None or server.stdout is None:
        raise RuntimeError("the server has no pipes")
    to_server = ("client", sys.stdin.fileno(), server.stdin.fileno(), log)
    threading.Thread(target=pass_on, args=to_server, daemon=True).start()
    pass_on("server", server.stdout.fileno(), sys.stdout.fileno(), log)
    return server.wait()


if __name__ == "__main__":
    # Not by sys.exit: the thread that reads stdin may still wait for more.
    os._exit(main())
