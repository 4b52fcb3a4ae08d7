"""`python -m bench.agent PORT DELAY_S`: an AI agent that thinks for a while and repeats the marks.

A customer's message carries a mark (`q000123`); the answer names the marks of all messages that are
new in the turn, so that it can be seen which answer answers which messages.
"""

from __future__ import annotations

import json
import re
import socketserver
import sys
import time
from http.server import BaseHTTPRequestHandler
from typing import Any

MARK = re.compile(r"\bq\d{6}\b")


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    delay_s = 0.05

    def do_POST(self) -> None:
        turn: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        time.sleep(self.delay_s)
        new = [one for one in turn["messages"] if one.get("new")]
        marks = [
            mark
            for one in new
            if one["author"]["kind"] == "customer"
            for mark in MARK.findall(one["text"])
        ]
        answer = {"messages": [{"text": f"You wrote {' '.join(marks)}."}]}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def main(port: str, delay_s: str) -> None:
    """Serve until killed."""
    _Answers.delay_s = float(delay_s)
    with _Server(("127.0.0.1", int(port)), _Answers) as server:
        server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
