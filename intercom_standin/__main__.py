"""`python -m intercom_standin`: the stand-in as a process of its own."""

from __future__ import annotations

import argparse
import signal
import threading

from intercom_standin.cast import BOT_ADMIN_ID
from intercom_standin.gate import DEFAULT_LIMIT
from intercom_standin.server import StandIn


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _parser().parse_args()
    standin = StandIn(
        options.notify_url,
        client_secret=options.client_secret,
        token=options.token,
        app_id=options.app_id,
        version=options.version,
        bot_admin_id=options.bot_admin_id,
        retry_after_s=options.retry_after,
        mode=options.mode,
        rate_limit=options.rate_limit,
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    standin.start(options.host, options.port)
    print(f"Intercom stand-in: {standin.base_url}  (inbox page and REST API)", flush=True)
    print(f"notifications go to {options.notify_url or 'nobody yet'}", flush=True)
    ended.wait()
    standin.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m intercom_standin", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8091)
    parser.add_argument("--notify-url", help="where notifications are posted")
    parser.add_argument("--client-secret", default="standin-client-secret")
    parser.add_argument("--token", default="standin-token")
    parser.add_argument("--app-id", default="abc123std")
    parser.add_argument("--version", default="2.14", help="the app's API version")
    parser.add_argument("--bot-admin-id", type=int, default=BOT_ADMIN_ID)
    parser.add_argument("--retry-after", type=float, default=60.0, help="seconds")
    parser.add_argument("--mode", choices=("auto", "manual"), default="auto")
    parser.add_argument("--rate-limit", type=int, default=DEFAULT_LIMIT, help="in 10 seconds")
    return parser


if __name__ == "__main__":
    main()
