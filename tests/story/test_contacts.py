"""Customers in step with Intercom: what it tells of them, and what people say of them here."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests
from sqlalchemy import delete, select, update

from gateway.contacts import joins
from gateway.contacts.details import Source
from gateway.store.models import ContactIdentity, ContactPush
from tests.rig import CHANNEL, Rig

ANN = Source(kind="operator", id="opr_ann", name="Ann")


class Desk:
    """Ann at the 360 View of a customer who wrote in Intercom."""

    def __init__(self, it: Rig, **given: Any) -> None:
        self.it = it
        self.token = it.token()
        given = given or {"name": "Cleo", "email": "cleo@acme.test"}
        begun = it.world.customer_starts("Hello?", **given)
        self.thread = str(begun.conversation.id)
        self.theirs = str(begun.conversation.contact.id)
        # The customer's own report, which says more than a conversation does.
        it.settle()
        self.id = self.whose(self.theirs)

    def whose(self, external_id: str) -> str:
        with self.it.parts.database.read() as db:
            return str(
                db.scalar(
                    select(ContactIdentity.contact_id).where(
                        ContactIdentity.external_id == external_id
                    )
                )
            )

    def get(self, path: str = "") -> Any:
        answer = self.it.api("GET", f"/contacts/{self.id}{path}", self.token)
        assert answer.status_code == 200, answer.text
        return answer.json()

    @property
    def card(self) -> Any:
        return self.get()

    @property
    def identity(self) -> Any:
        (found,) = [one for one in self.card["identities"] if one["id"] == self.theirs]
        return found

    def edits(self, after_s: float = 1, /, **given: Any) -> None:
        self.it.advance(after_s)
        path = f"{self.it.url}/api/v1/contacts/{self.id}"
        headers = {"Authorization": f"Bearer {self.token}"}
        headers["If-Match"] = requests.get(path, headers=headers, timeout=10).headers["ETag"]
        answer = requests.patch(path, json=given, headers=headers, timeout=10)
        assert answer.status_code == 200, answer.text

    def posts(self, path: str, **body: Any) -> Any:
        answer = self.it.api("POST", f"/contacts/{self.id}{path}", self.token, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def became(self) -> dict[str, tuple[str, str | None]]:
        return {one["detail"]: (one["state"], one["why"]) for one in self.get("/pushes")["items"]}

    def history(self) -> list[Any]:
        return list(self.get("/history")["items"])

    def puts(self) -> list[Any]:
        return [call.body for call in self.it.standin.requests if call.kind == "contact_update"]

    def there(self, external_id: str | None = None) -> Any:
        return self.it.world.contacts[external_id or self.theirs]

    def rows(self) -> list[Any]:
        with self.it.parts.database.read() as db:
            return list(db.execute(select(ContactPush.__table__).order_by(ContactPush.id)))


@pytest.fixture
def desk(it: Rig) -> Desk:
    return Desk(it)


# -- what Intercom tells ---------------------------------------------------------------------------


def test_whatever_happens_to_a_contact_is_told_here(on_both: Rig) -> None:
    it, desk = on_both, Desk(on_both, name="Cleo")
    world, theirs = it.world, desk.theirs

    def then(act: Callable[..., Any], *args: Any, **more: Any) -> Any:
        it.advance(2)
        act(*args, **more)
        assert all(200 <= one.status < 300 for one in it.hear())
        return desk.card

    assert desk.card["name"] == "Cleo"
    card = then(world.update_contact, theirs, name="Cleo C.", phone="+353 1 555 0147")
    assert (card["name"], card["phone"]) == ("Cleo C.", "+353 1 555 0147")
    assert then(world.update_contact, theirs, email="c@acme.test")["email"] == "c@acme.test"
    assert then(world.update_contact, theirs, email="d@acme.test")["email"] == "d@acme.test"
    # What was taken away there is not shown on here.
    assert then(world.update_contact, theirs, phone=None)["phone"] is None
    assert "phone" not in desk.identity["said"]

    then(world.tag_contact, theirs, "wholesale")
    then(world.tag_contact, theirs, "vip")
    assert [tag["name"] for tag in desk.identity["tags"]] == ["vip", "wholesale"]
    then(world.tag_contact, theirs, "wholesale", on=False)
    assert [tag["name"] for tag in desk.identity["tags"]] == ["vip"]
    # Any other report has ids alone: the name that was told stays.
    then(world.update_contact, theirs, name="Cleo")
    assert [tag["name"] for tag in desk.identity["tags"]] == ["vip"]

    then(world.subscribe_contact, theirs, "Newsletters", on=False)
    (mail,) = desk.identity["subscriptions"]
    assert (mail["name"], mail["subscribed"]) == ("Newsletters", False)
    then(world.subscribe_contact, theirs, "Newsletters")
    assert desk.identity["subscriptions"][0]["subscribed"] is True
    then(world.subscribe_contact, theirs, on=False)
    assert desk.identity["unsubscribed"] is True
    line = desk.history()[0]
    assert line["changes"]["unsubscribed"]["after"]["value"] is True

    then(world.lead_signs_up, theirs, email="d@acme.test", external_id="u-1")
    assert desk.card["external_id"] == "u-1"
    then(world.archive_contact, theirs)
    assert (desk.identity["archived"], desk.identity["deleted"]) == (True, False)
    assert desk.card["email"] == "d@acme.test"  # what is left of it says nothing by its gaps
    then(world.unarchive_contact, theirs)
    assert desk.identity["archived"] is False
    then(world.delete_contact, theirs)
    assert desk.identity["deleted"] is True


def test_an_older_report_changes_nothing(desk: Desk) -> None:
    it = desk.it
    it.advance(2)
    it.world.tag_contact(desk.theirs, "vip")
    it.world.update_contact(desk.theirs, phone="+353 1 555 0147")
    late = it.standin.notifier.take()
    it.advance(5)
    it.world.tag_contact(desk.theirs, "vip", on=False)
    it.world.update_contact(desk.theirs, phone=None)
    it.hear()
    for one in late:
        assert it.standin.notifier.deliver(one).status == 200
    assert (desk.identity["tags"], desk.card["phone"]) == ([], None)


# -- an edit on its way ----------------------------------------------------------------------------


def test_an_edit_goes_to_intercom_once_and_its_echo_is_no_news(on_both: Rig) -> None:
    it, desk = on_both, Desk(on_both)
    desk.edits(name="Cleo Customer", phone="+353 1 555 0147")
    assert desk.became() == {"name": ("sending", None), "phone": ("sending", None)}
    it.advance(3)
    it.settle()
    assert desk.puts() == [{"name": "Cleo Customer", "phone": "+353 1 555 0147"}]
    assert (desk.there().name, desk.there().phone) == ("Cleo Customer", "+353 1 555 0147")
    assert {state for state, _ in desk.became().values()} == {"sent"}
    sent, edited = desk.history()[:2]
    assert (sent["kind"], sent["by"]["channel"], edited["kind"]) == ("sent", CHANNEL, "edited")
    assert sent["changes"]["name"] == {
        "before": {"value": "Cleo", "level": "claimed"},
        "after": {"value": "Cleo Customer", "level": "claimed"},
    }
    # It came back by a notification: still Ann's word, and nothing more is owed.
    assert desk.card["details"]["name"]["source"]["kind"] == "operator"
    assert desk.identity["said"]["name"]["value"] == "Cleo Customer"
    it.advance(600)
    it.settle()
    assert len(desk.puts()) == len(desk.rows()) == 1


def test_a_detail_is_taken_away_there_too(desk: Desk) -> None:
    desk.it.advance(1)
    desk.it.world.update_contact(desk.theirs, phone="+353 1 555 0147")
    desk.it.settle()
    desk.edits(phone=None)
    desk.it.settle()
    assert desk.puts() == [{"phone": None}]
    assert desk.there().phone is None
    assert desk.card["phone"] is None
    assert desk.became()["phone"][0] == "sent"


def test_edits_that_wait_go_together_and_the_newest_counts(desk: Desk) -> None:
    for name in ("A", "B", "C"):
        desk.edits(name=name)
    desk.edits(external_id="u-9")
    desk.it.settle()
    assert desk.puts() == [{"name": "C", "external_id": "u-9"}]


def test_back_and_forth_before_it_went_sends_nothing(desk: Desk) -> None:
    desk.edits(name="Other")
    desk.edits(name="Cleo")
    desk.it.settle()
    assert desk.puts() == []
    assert desk.became()["name"][0] == "sent"


def test_an_edit_made_while_one_is_on_its_way_follows_it(desk: Desk) -> None:
    def edit(call: Any) -> None:
        desk.it.standin.faults.hooks.before_effect = None
        desk.edits(name="Second")

    desk.it.standin.faults.hooks.before_effect = edit
    desk.edits(name="First")
    desk.it.settle()
    assert desk.puts() == [{"name": "First"}, {"name": "Second"}]
    assert desk.there().name == desk.card["name"] == "Second"
    assert [row.state for row in desk.rows()] == ["sent", "sent"]


def test_an_edit_that_is_taken_back_while_it_is_on_its_way_is_taken_back_there(desk: Desk) -> None:
    def edit(call: Any) -> None:
        desk.it.standin.faults.hooks.before_effect = None
        desk.edits(name="Cleo")

    desk.it.standin.faults.hooks.before_effect = edit
    desk.edits(name="First")
    desk.it.settle()
    assert desk.puts() == [{"name": "First"}, {"name": "Cleo"}]
    assert desk.there().name == desk.card["name"] == "Cleo"


def test_an_answer_of_the_same_second_is_the_newer_one(desk: Desk) -> None:
    """Intercom's notifications tell the time more finely than its answers."""
    desk.it.advance(1.6)
    desk.it.world.update_contact(desk.theirs, phone="+353 1 555 0147", name="Cleo S.")
    desk.it.hear()
    desk.edits(0.2, name="Cleo Customer")
    desk.it.work("sync")
    assert desk.became() == {"name": ("sent", None)}
    assert desk.identity["said"]["name"]["value"] == desk.there().name == "Cleo Customer"


def test_what_is_marked_as_verified_goes_where_it_is_not_known(desk: Desk) -> None:
    it = desk.it
    desk.edits(email="sure@acme.test")
    it.settle()
    it.world.update_contact(desk.theirs, email="other@acme.test")
    it.advance(5)
    it.settle()
    assert desk.card["email"] == "other@acme.test"  # claimed after claimed: the newest
    desk.edits(email="sure@acme.test")
    desk.posts("/verify", detail="email")
    it.settle()
    assert desk.there().email == "sure@acme.test"


def test_the_echo_comes_before_the_answer(desk: Desk) -> None:
    desk.it.standin.notifier.echo_before_return = True
    desk.edits(name="Cleo Customer")
    desk.it.work()
    assert desk.became()["name"][0] == "sent"
    assert [line["kind"] for line in desk.history()].count("sent") == 1


def test_an_echo_settles_what_nobody_knew_of(desk: Desk) -> None:
    desk.it.standin.faults.add("timeout_after", where="contact_update")
    desk.edits(name="Cleo Customer")
    desk.it.work()
    assert [row.state for row in desk.rows()] == ["unknown"]
    calls = len(desk.it.standin.requests)
    desk.it.hear()
    assert desk.became()["name"][0] == "sent"
    desk.it.advance(60)
    desk.it.work("sync")
    assert len(desk.it.standin.requests) == calls


@pytest.mark.parametrize(
    ("fault", "calls"), [("timeout_after", 1), ("server_error_after", 1), ("timeout_before", 2)]
)
def test_an_unknown_outcome_is_read_back_before_anything_is_sent(
    desk: Desk, fault: str, calls: int
) -> None:
    it = desk.it
    it.standin.faults.add(fault, where="contact_update")
    it.standin.notifier.topics = set()  # nobody tells
    desk.edits(name="Cleo Customer")
    it.work()
    (row,) = desk.rows()
    assert (row.state, desk.became()["name"][0]) == ("unknown", "sending")
    it.work()
    assert len(desk.puts()) == 1
    it.advance(11)
    it.work()
    assert len(desk.puts()) == 1  # not there yet is not in vain: it may happen late
    it.advance(21)
    it.work()
    assert len(desk.puts()) == calls
    assert desk.there().name == "Cleo Customer"
    assert desk.became()["name"][0] == "sent"


def test_a_worker_that_died_is_read_back(desk: Desk) -> None:
    it = desk.it
    desk.edits(name="Cleo Customer")
    now = desk.rows()[0].owed_at
    it.parts.database.write(
        lambda db: db.execute(
            update(ContactPush).values(
                state="sending", begun_at=now, due_at=now + 50_000_000, token="dead",
                sent={"name": {"before": "Cleo", "after": "Cleo Customer", "met": None}},
            )
        )
    )  # fmt: skip
    it.work()
    assert desk.puts() == []
    it.advance(51)
    it.work()
    it.advance(30)
    it.work()
    assert desk.puts() == [{"name": "Cleo Customer"}]
    assert desk.became()["name"][0] == "sent"


def test_trouble_that_passes_is_waited_for_and_shown(desk: Desk) -> None:
    it = desk.it
    it.standin.faults.add("rate_limited", where="contact_update")
    it.standin.faults.add("unavailable", where="contact_get")
    desk.edits(name="Cleo Customer")
    it.work()
    state, why = desk.became()["name"]
    assert state == "sending"
    assert "503" in str(why)
    for _ in range(4):
        it.advance(30)
        it.work()
    assert desk.there().name == "Cleo Customer"
    assert desk.became()["name"] == ("sent", None)


def test_a_token_that_holds_no_more_is_waited_for(desk: Desk) -> None:
    it = desk.it
    token, it.standin.gate.token = it.standin.gate.token, "another"
    desk.edits(name="Cleo Customer")
    it.work("sync")
    state, why = desk.became()["name"]
    assert state == "sending"
    assert "401" in str(why)
    it.standin.gate.token = token
    it.advance(60)
    it.work("sync")
    assert desk.became()["name"] == ("sent", None)


def test_what_is_not_reached_for_a_day_is_given_up(desk: Desk) -> None:
    it = desk.it
    it.standin.faults.add("unavailable", where="contact_get", count=None)
    desk.edits(name="Cleo Customer")
    it.work()
    it.advance(86_500)
    it.work()
    assert desk.became()["name"][0] == "not_taken"
    it.standin.faults.clear()
    desk.posts("/send")
    it.work()
    assert desk.became()["name"] == ("sent", None)


def test_a_refusal_is_shown_and_can_be_tried_again(desk: Desk) -> None:
    it = desk.it
    it.world.add_contact("Other", email="taken@acme.test", external_id="u-1", tell=False)
    desk.edits(external_id="u-1")
    it.settle()
    state, why = desk.became()["external_id"]
    assert state == "not_taken"
    assert "already exists" in str(why)
    assert len(desk.puts()) == 1
    line = desk.history()[0]
    assert (line["kind"], line["why"]) == ("not_sent", why)
    assert desk.card["external_id"] == "u-1"  # what people say here stands
    desk.posts("/send")
    assert desk.became()["external_id"][0] == "sending"
    it.settle()
    assert len(desk.puts()) == 2


# -- two who said something ------------------------------------------------------------------------


def unheard(desk: Desk, **fields: Any) -> None:
    """The customer changes something in Intercom, and nobody tells."""
    desk.it.advance(5)
    desk.it.world.update_contact(desk.theirs, **fields)
    desk.it.standin.notifier.take()


def test_the_newest_claimed_value_wins_and_is_told(desk: Desk) -> None:
    desk.edits(email="ann.says@acme.test", name="Cleo C.")
    unheard(desk, email="cleo.says@acme.test")
    desk.it.settle()
    assert desk.puts() == [{"name": "Cleo C."}]  # what nobody else touched goes all the same
    assert desk.card["email"] == desk.there().email == "cleo.says@acme.test"
    told = [line for line in desk.history() if line["kind"] == "not_sent"]
    assert [line["why"] for line in told] == [f"{CHANNEL} has a newer email, which stands"]
    assert list(told[0]["changes"]) == ["email"]


def test_an_overtaken_edit_alone_sends_nothing_and_says_so(desk: Desk) -> None:
    desk.edits(email="ann.says@acme.test")
    unheard(desk, email="cleo.says@acme.test")
    desk.it.settle()
    assert desk.puts() == []
    assert desk.became()["email"] == ("not_sent", f"{CHANNEL} has a newer email, which stands")


def test_a_verified_value_wins_over_a_newer_claim_and_is_told(desk: Desk) -> None:
    desk.edits(email="sure@acme.test")
    desk.posts("/verify", detail="email")
    unheard(desk, email="cleo.says@acme.test")
    desk.it.settle()
    assert desk.there().email == desk.card["email"] == "sure@acme.test"
    state, why = desk.became()["email"]
    assert state == "sent"
    assert why == f"{CHANNEL} had email “cleo.says@acme.test” meanwhile; people's word stands"


def test_what_the_channel_verifies_later_wins_over_what_people_did(
    make_rig: Callable[..., Rig],
) -> None:
    it = make_rig(identity_verification=True)
    desk = Desk(it, name="Cleo", external_id="u-1")
    desk.edits(external_id="u-2")
    desk.posts("/verify", detail="external_id")
    unheard(desk, external_id="u-3")
    it.settle()
    assert desk.puts() == []
    assert desk.card["external_id"] == "u-3"
    assert desk.became()["external_id"][0] == "not_sent"


# -- ids that were merged --------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["2.14", "2.16"])
def test_an_edit_follows_a_contact_that_was_merged(
    make_rig: Callable[..., Rig], version: str
) -> None:
    it = make_rig(api_version=version)
    desk = Desk(it, name="Lea Lead")
    user = it.world.add_contact("Lea User", email="lea@acme.test").contact.id
    it.world.merge_contacts(desk.theirs, user)
    it.standin.notifier.take()  # nobody tells
    desk.edits(phone="+353 1 555 0147")
    it.settle()
    assert desk.there(user).phone == "+353 1 555 0147"
    card = desk.card
    assert {one["id"] for one in card["identities"]} == {desk.theirs, user}
    assert desk.identity["merged_into"] == user
    assert card["joins"][0]["because"] == "channel"
    assert card["email"] == "lea@acme.test"
    # From now on it goes there at once.
    before = len(it.standin.requests)
    desk.edits(name="Lea")
    it.settle()
    paths = {call.path for call in it.standin.requests[before:]}
    assert paths == {f"/contacts/{user}"}
    assert desk.there(user).name == "Lea"


@pytest.mark.parametrize("tells", [True, False])
def test_a_merge_is_learned_whether_or_not_it_says_of_whom(it: Rig, tells: bool) -> None:
    desk = Desk(it, name="Lea Lead")
    user = it.world.add_contact("Lea User", email="lea@acme.test").contact.id
    other = str(it.world.customer_starts("Me too", name="Somebody else").conversation.contact.id)
    it.settle()
    it.advance(5)
    it.world.tells_merged_from = tells
    it.world.merge_contacts(desk.theirs, user)
    it.settle()
    assert (
        desk.card["id"] == it.api("GET", f"/contacts/{desk.whose(user)}", desk.token).json()["id"]
    )
    assert desk.card["email"] == "lea@acme.test"
    assert desk.whose(other) != desk.card["id"]
    sessions = desk.get("/sessions")["items"]
    assert [one["conversation"] for one in sessions] == [desk.thread]


def test_whoever_is_gone_is_shown_as_gone(desk: Desk) -> None:
    it = desk.it
    it.world.delete_contact(desk.theirs)
    it.world.conversations.clear()
    it.standin.notifier.take()
    desk.edits(name="Cleo Customer")
    it.settle()
    assert desk.became()["name"] == ("not_taken", f"{CHANNEL} no longer has this customer")
    assert desk.identity["deleted"] is True
    desk.edits(name="Cleo Again")
    it.settle()
    assert len(desk.rows()) == 1  # nothing is owed to one who is gone


# -- what must not happen --------------------------------------------------------------------------


def test_two_who_were_parted_get_nothing_of_each_other(desk: Desk) -> None:
    it = desk.it
    other = str(it.world.customer_starts("Hi", name="Olga").conversation.contact.id)
    it.settle()
    join = desk.posts("/merge", contact_id=desk.whose(other))["joins"][0]["id"]
    desk.edits(phone="+353 1 555 0147")
    assert len(desk.rows()) == 2
    now = desk.rows()[0].owed_at
    it.parts.database.write(lambda db: joins.undo(db, join, source=ANN, now=now + 1))
    it.settle()
    assert desk.there().phone == "+353 1 555 0147"
    assert desk.there(other).phone is None
    assert {row.external_id: row.state for row in desk.rows()} == {
        desk.theirs: "sent", other: "cancelled",
    }  # fmt: skip


def test_whoever_is_erased_is_owed_nothing(on_both: Rig) -> None:
    it, desk = on_both, Desk(on_both)
    desk.edits(name="Cleo Customer")
    it.parts.database.write(
        lambda db: db.execute(
            delete(ContactIdentity).where(ContactIdentity.external_id == desk.theirs)
        )
    )
    assert desk.rows() == []
    it.work()
    assert desk.puts() == []


def test_an_answer_that_was_on_its_way_brings_nobody_back(desk: Desk) -> None:
    it = desk.it

    def erase(call: Any) -> None:
        it.standin.faults.hooks.before_effect = None
        gone = delete(ContactIdentity).where(ContactIdentity.external_id == desk.theirs)
        it.parts.database.write(lambda db: db.execute(gone))

    it.standin.faults.hooks.before_effect = erase
    desk.edits(name="Cleo Customer")
    it.work("sync")
    assert len(desk.puts()) == 1
    assert (desk.rows(), desk.whose(desk.theirs)) == ([], "None")


def test_a_channel_that_takes_no_edits_is_owed_none(make_rig: Callable[..., Rig]) -> None:
    desk = Desk(make_rig(push_contacts=False))
    desk.edits(name="Cleo Customer")
    desk.it.settle()
    assert (desk.rows(), desk.puts(), desk.became()) == ([], [], {})


def test_many_hands_edit_one_customer(on_both: Rig) -> None:
    """Editors, workers and Intercom itself at once: what is shown is what Intercom has."""
    it, desk = on_both, Desk(on_both)
    stop = threading.Event()
    surprises: list[BaseException] = []

    def edit(who: int) -> None:
        for number in range(5):
            for _ in range(20):
                path = f"{it.url}/api/v1/contacts/{desk.id}"
                headers = {"Authorization": f"Bearer {desk.token}"}
                tag = requests.get(path, headers=headers, timeout=10).headers["ETag"]
                body = {"name": f"Name {who} {number}"}
                headers["If-Match"] = tag
                if requests.patch(path, json=body, headers=headers, timeout=10).status_code == 200:
                    break

    def work() -> None:
        try:
            while not stop.is_set():
                it.work("sync")
                it.hear()
        except BaseException as surprise:
            surprises.append(surprise)

    workers = [threading.Thread(target=work) for _ in range(2)]
    editors = [threading.Thread(target=edit, args=(who,)) for who in range(2)]
    for one in (*workers, *editors):
        one.start()
    for one in editors:
        one.join(60)
    stop.set()
    for one in workers:
        one.join(60)
    assert surprises == []
    it.advance(60)
    it.settle()
    assert desk.there().name == desk.card["name"]
    assert {row.state for row in desk.rows()} <= {"sent", "cancelled"}
