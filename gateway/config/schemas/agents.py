"""`[agents.…]` of every kind, with their rules, their ladder and their scripts."""

import json
from typing import Any, get_args

from marshmallow import (
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from gateway.config import settings
from gateway.config.kinds import (
    Choice,
    ContactFields,
    Count,
    Flag,
    MailAddress,
    Number,
    OneOrMore,
    Pattern,
    Scalar,
    Seconds,
    Secret,
    SigningSecret,
    Text,
    WebAddress,
    Word,
    needed,
)
from gateway.config.schemas.table import Table
from gateway.ladder import LadderAct, Rung, WaitStep
from gateway.rules import HandoverRule

# A turn tells them all, and every message is searched for them.
MOST_RULES, MOST_PHRASES, LONGEST_PHRASE = 50, 200, 200

# Fields of a chat request that follow from other settings, or that no turn can do with.
OPENAI_OWN_FIELDS = (
    "model", "messages", "tools", "tool_choice", "temperature", "stream", "stream_options", "n",
    "functions", "function_call", "response_format",
)  # fmt: skip


class HandoverRuleTable(Table):
    """One `[[agents.NAME.handover_rules]]`"""

    reason = Text(validate=validate.Length(max=1000, error="is longer than 1000 characters"))
    phrases = OneOrMore(Word(), only_lists=True)
    customer_request = Flag()
    unhelpful_turns = Count(least=1, most=100)
    parameter = Word()
    result = Word()
    above = Number()
    below = Number()
    equals = Scalar()

    @validates_schema
    def check_condition(self, data: dict[str, Any], **_: Any) -> None:
        """There is one condition; a limit belongs to a parameter or result."""
        conditions = ("phrases", "unhelpful_turns", "parameter", "result")
        named = [name for name in conditions if name in data]
        if len(named) != 1:
            raise ValidationError(f"needs exactly one of {', '.join(conditions)}")
        limits = [name for name in ("above", "below", "equals") if name in data]
        if named[0] in ("parameter", "result"):
            if not limits or ("equals" in limits and len(limits) > 1):
                raise ValidationError(
                    "needs a limit: above, below, both of them, or equals", named[0]
                )
        elif limits:
            raise ValidationError("goes with parameter or result only", limits[0])
        if "customer_request" in data and named[0] != "phrases":
            raise ValidationError("goes with phrases only", "customer_request")
        if named[0] == "phrases":
            _check_phrases(data["phrases"])

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> HandoverRule:
        """Make the setting."""
        return HandoverRule(**data)


def _check_phrases(phrases: tuple[str, ...]) -> None:
    if not phrases:
        raise ValidationError("is an empty list; put at least one in", "phrases")
    if len(phrases) > MOST_PHRASES:
        raise ValidationError(f"must not be more than {MOST_PHRASES}", "phrases")
    for phrase in phrases:
        if len(phrase) > LONGEST_PHRASE:
            text = f"must not be longer than {LONGEST_PHRASE} characters each"
            raise ValidationError(text, "phrases")
        if not any(character.isalnum() for character in phrase):
            raise ValidationError("must hold a letter or a digit each", "phrases")


class RungTable(Table):
    """One `[[agents.NAME.ladder]]`"""

    step = Choice(*get_args(WaitStep), **needed("what the customer waits for"))
    after_s = Seconds(**needed("how long they wait before something is done"))
    do = Choice(*get_args(LadderAct), **needed("what is done then"))
    text = Text()

    @validates_schema
    def check_text(self, data: dict[str, Any], **_: Any) -> None:
        """Words are said by the acts that say something, and only by them."""
        speaks = data.get("do") in ("tell_customer", "take_message")
        if speaks and not data.get("text", "").strip():
            raise ValidationError("is missing: what is the customer told?", "text")
        if "do" in data and not speaks and data.get("text"):
            raise ValidationError("is said by tell_customer and take_message only", "text")

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Rung:
        """Make the setting."""
        return Rung(**data)


class AgentTable(Table):
    """What every `[agents.…]` may hold."""

    kind = Word()
    timeout_s = Seconds(above_zero=True)
    debounce_s = Seconds()
    debounce_max_s = Seconds()
    reply_within_s = Seconds(above_zero=True)
    allow_handover = Flag()
    allow_customer_request = Flag()
    handover_message = Text()
    handover_conditions = Text()
    handover_rules = fields.List(
        fields.Nested(HandoverRuleTable),
        validate=validate.Length(max=MOST_RULES, error=f"must not be more than {MOST_RULES}"),
        error_messages={"invalid": "must be tables [[agents.NAME.handover_rules]]"},
    )
    loop_guard_turns = Count(most=100)
    max_answers_a_day = Count()
    idle_timeout_s = Seconds()
    idle_timeout_human_s = Seconds()
    idle_timeout_copilot_s = Seconds()
    contact_fields = ContactFields()
    operators = OneOrMore(MailAddress(), only_lists=True)
    team = Text()
    routing = Choice("queue", "round_robin")
    away_message = Text()
    email_when_waiting = Flag()
    offer_s = Seconds(above_zero=True)
    ladder = fields.List(
        fields.Nested(RungTable),
        error_messages={"invalid": "must be tables [[agents.NAME.ladder]]"},
    )

    @validates_schema
    def check_debounce(self, data: dict[str, Any], **_: Any) -> None:
        """The bound of the wait may not be under the wait itself."""
        defaults = settings.AgentSettings(name="")
        shortest = data.get("debounce_s", defaults.debounce_s)
        longest = data.get("debounce_max_s", defaults.debounce_max_s)
        if longest < shortest:
            raise ValidationError("must not be less than debounce_s", "debounce_max_s")


class HttpAgentTable(AgentTable):
    """`kind = "http"`"""

    url = WebAddress(**needed("the address where the agent takes turns"))
    secret = OneOrMore(SigningSecret(), **needed("the secret shared with the agent (whsec_…)"))


class HandoverTable(Table):
    """`handover` of a rule"""

    trigger = Choice("automatic", "customer_request")
    reason = Text()
    summary = Text()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> settings.ScriptedHandover:
        """Make the setting."""
        return settings.ScriptedHandover(**data)


class RuleTable(Table):
    """One `[[script]]`"""

    pattern = Pattern(**needed("a regular expression; .* matches everything"))
    after = OneOrMore(Choice("message", "returned", "draft"))
    above = fields.Dict(keys=fields.String(), values=fields.Float())
    reply = OneOrMore(Text())
    one_of = OneOrMore(Text())
    parameters = fields.Dict(keys=fields.String())
    results = fields.Dict(keys=fields.String())
    handover = fields.Nested(HandoverTable)
    finish = Flag()
    goes_on = Flag()

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> settings.ScriptRule:
        """Make the setting."""
        return settings.ScriptRule(**data)


class ScriptedAgentTable(AgentTable):
    """`kind = "scripted"`"""

    script = fields.List(
        fields.Nested(RuleTable),
        error_messages={"invalid": "must be tables [[agents.NAME.script]], or the path of a file"},
    )
    fallback_reply = Text()


class OpenAIAgentTable(AgentTable):
    """`kind = "openai"`"""

    model = Word(**needed("the name of a model"))
    api_key = Secret()
    base_url = WebAddress()
    instructions = Text()
    temperature = Number()
    max_history_bytes = Count(least=1000, most=1_000_000)
    options = fields.Dict(
        keys=fields.String(), error_messages={"invalid": "must be a table of request fields"}
    )

    @validates_schema
    def check_options(self, data: dict[str, Any], **_: Any) -> None:
        """What the gateway says itself cannot be said otherwise."""
        taken = [name for name in OPENAI_OWN_FIELDS if name in data.get("options", {})]
        if taken:
            raise ValidationError(f"must not hold {', '.join(taken)}", "options")
        try:
            json.dumps(data.get("options", {}), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ValidationError("must hold only what JSON can hold", "options") from error
