"""What the AI does without an event of its own is shown at once, too."""

from gateway.events import Answer
from gateway.feed import Hint
from tests.desk import Desk
from tests.visitors.conftest import Customer


def test_the_ai_has_read_before_it_answers_and_may_answer_nothing(it: Desk) -> None:
    session = it.says("Hello?")
    vera = Customer(it)
    vera.look()
    seen: list[tuple[str, bool, bool]] = []

    def look(hint: Hint) -> None:
        assert (hint.kind, hint.session, hint.conversation) == ("look", session, vera.conversation)
        talk = vera.look()
        assert talk.session is not None
        read = talk.session.read_by_them is not None
        seen.append((hint.by, bool(talk.typing), read))

    it.parts.hints.listen(look)
    it.agent.next.append(Answer(messages=[]))
    it.work()
    assert seen == [("ai", True, True), ("ai", False, True)]
