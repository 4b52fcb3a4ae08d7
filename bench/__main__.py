"""`python -m bench`: every comparison, one after the other, as they come (`make bench`)."""

from __future__ import annotations

import sys

from bench import reply, webhook


def main() -> int:
    """Run all; 0 if every record was right. For options run one of them by itself."""
    if len(sys.argv) > 1:
        print("options belong to one of them: python -m bench.webhook|reply --help")
        return 2
    return max(webhook.main(()), reply.main(()))


if __name__ == "__main__":
    sys.exit(main())
