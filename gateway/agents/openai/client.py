"""The one file that imports the `openai` package (over a second, 40 MB): workers only, when asked.

The SDK spells the request. What goes over the wire, for how long, and what an answer means is ours:
its timeouts are per read, its retries would outlast a turn, its models are not validated, and its
environment variables (OPENAI_ORG_ID, OPENAI_CUSTOM_HEADERS, …) would reach any endpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import httpx2
import openai

from gateway.agents.post import Post
from gateway.errors import Never


class ChatClient:
    """A chat endpoint. Threads may share one."""

    def __init__(self, post: Post, *, api_key: str) -> None:
        """Open nothing; `post` is the way to the endpoint."""
        self._sdk = openai.OpenAI(
            api_key=api_key or "none",
            # Only told, in logs: where a request goes is the transport's, and may be secret.
            base_url=f"http://{post.host}/",
            max_retries=0,
            timeout=None,
            http_client=httpx2.Client(transport=_Transport(post, api_key), timeout=None),
        )

    def complete(self, request: Mapping[str, Any]) -> bytes:
        """Ask once, within the deadline of `within`; return the body of the answer.

        Raises Again, Never or Oversized, as `Post.send` tells.
        """
        extra = {"stream": False, **request}
        known = {"model": extra.pop("model"), "messages": extra.pop("messages")}
        try:
            raw = self._sdk.chat.completions.with_raw_response.create(**known, extra_body=extra)
            return cast(bytes, raw.http_response.content)
        except openai.OpenAIError as error:
            # `from None`: it may quote the request.
            raise Never(f"the openai package failed: {type(error).__name__}") from None


class _Transport(httpx2.BaseTransport):
    def __init__(self, post: Post, api_key: str) -> None:
        self._post = post
        self._headers = {"authorization": f"Bearer {api_key}"} if api_key else {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        posted = self._post.send(self._headers, request.read())
        return httpx2.Response(
            posted.status, headers={"content-type": "application/json"}, content=posted.body
        )
