"""Where a conversation is found in Intercom's own pages."""

import pytest

from gateway.channels.intercom.pages import conversation_page


@pytest.mark.parametrize(
    ("base_url", "page"),
    [
        ("https://api.intercom.io", "https://app.intercom.com/a/inbox/abc1/inbox/conversation/42"),
        (
            "https://api.eu.intercom.io/",
            "https://app.eu.intercom.com/a/inbox/abc1/inbox/conversation/42",
        ),
        (
            "https://api.au.intercom.io",
            "https://app.au.intercom.com/a/inbox/abc1/inbox/conversation/42",
        ),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001/#42"),
    ],
)
def test_the_page_lies_where_the_workspace_does(base_url: str, page: str) -> None:
    assert conversation_page(base_url, "abc1", "42") == page


def test_ids_cannot_lead_elsewhere() -> None:
    page = conversation_page("https://api.intercom.io", "a/../b", "1?x=#y")
    assert page == "https://app.intercom.com/a/inbox/a%2F..%2Fb/inbox/conversation/1%3Fx%3D%23y"
