"""Workers read many conversations at once, from their very first moment on."""

import subprocess
import sys

_TWO_AT_ONCE = """
import sys, threading
from gateway.channels.intercom import shapes
sys.setswitchinterval(1e-6)
together = threading.Barrier(8)
told = {"id": "1", "conversation_parts": {"conversation_parts": []}}
def read():
    together.wait()
    try:
        shapes.read(told, shapes.Conversation)
    except shapes.Unreadable:
        pass
threads = [threading.Thread(target=read) for _ in range(8)]
for one in threads: one.start()
for one in threads: one.join()
"""


def test_the_first_conversations_may_be_read_by_several_threads_at_once() -> None:
    """Before shapes were made known at import, every second process died of this (SIGSEGV)."""
    for _ in range(6):
        done = subprocess.run([sys.executable, "-c", _TWO_AT_ONCE], check=False, timeout=60)
        assert done.returncode == 0
