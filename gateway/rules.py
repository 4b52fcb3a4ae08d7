"""Rules by which the gateway hands over by itself, in words that settings and core both speak."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverRule:
    """`[[agents.NAME.handover_rules]]`: when the gateway hands over by itself.

    Exactly one of `phrases`, `unhelpful_turns`, `parameter`, `result` is set.
    """

    # Why, in a few words; kept and shown. Empty: one is made up.
    reason: str = ""
    # Words of the customer's, in any language.
    phrases: tuple[str, ...] = ()
    # Do the phrases ask for a person? Then they count only with `allow_customer_request`.
    customer_request: bool = True
    # So many answers in a row that did not help.
    unhelpful_turns: int = 0
    # A parameter that an answer sets ...
    parameter: str = ""
    # ... or a result,
    result: str = ""
    # is more than this,
    above: float | None = None
    # less than this,
    below: float | None = None
    # or is this.
    equals: str | float | bool | None = None
