"""What a visitor says is kept exactly once, in order, and answered."""

from tests.channels.webwidget.site import Site


def test_a_visitor_speaks_and_is_answered(any_site: Site) -> None:
    browser = any_site.browser()
    opened = browser.open()
    assert opened["visitor"]["level"] == "anonymous"
    said = browser.say("hello there", client_id="first")
    assert said["again"] is False
    assert said["message"]["client_id"] == "first"
    assert said["message"]["text"] == "hello there"
    again = browser.say("hello there", client_id="first")
    assert again == {"message": said["message"], "again": True}
    any_site.answer()
