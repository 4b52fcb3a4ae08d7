"""A process whose first turns come all at once lives: msgspec alone would not survive that."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import threading
from gateway.agents.openai.completion import read_completion

body = b'{"choices": [{"message": {"content": "x", "tool_calls": [{"function": {"name": "a"}}]}}]}'
start = threading.Barrier(16)

def read():
    start.wait()
    for _ in range(50):
        assert read_completion(body).text == "x"

threads = [threading.Thread(target=read) for _ in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_answers_come_at_once() -> None:
    for _ in range(3):
        done = subprocess.run([sys.executable, "-c", PROGRAM], check=False, timeout=60)
        assert done.returncode == 0
