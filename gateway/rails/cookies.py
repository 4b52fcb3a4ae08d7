"""The cookie by which the console's pages, and the API beside them, know who has signed in."""

from __future__ import annotations

from flask import Request
from werkzeug.wrappers import Response

CSRF_HEADER = "X-CSRF-Token"
"""What a call by cookie that changes something must bring: no other site's page can."""


class Cookie:
    """A cookie of this site alone. Over https it is bound to this very host, and to https."""

    def __init__(self, name: str, public_url: str) -> None:
        """`public_url` is where browsers find us. Plain http is for this machine and for trials."""
        self._secure = public_url.startswith("https://")
        self.name = f"__Host-{name}" if self._secure else name

    def read(self, request: Request) -> str:
        """What the browser sent; empty if nothing."""
        return request.cookies.get(self.name, "")

    def give(self, answer: Response, value: str, lasts_s: int) -> None:
        """Let the browser keep it."""
        answer.set_cookie(
            self.name, value, max_age=lasts_s, path="/",
            secure=self._secure, httponly=True, samesite="Lax",
        )  # fmt: skip

    def take(self, answer: Response) -> None:
        """Let the browser forget it."""
        answer.delete_cookie(
            self.name, path="/", secure=self._secure, httponly=True, samesite="Lax"
        )


def signin_cookie(public_url: str) -> Cookie:
    """The cookie of those who have signed in."""
    return Cookie("gateway", public_url)
