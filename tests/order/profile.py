"""How much the hypothesis profile lets these tests spend: `ci` is quick, `explore` hunts."""

from __future__ import annotations

from hypothesis import Phase, settings

_default = settings.default
assert _default is not None

EXPLORING = _default.max_examples > 100


def examples(share: float, steps: int) -> settings:
    """As many examples as the profile says, times `share`.

    What exploring finds is wanted at once; what `ci` finds is made small first.
    """
    assert _default is not None
    return settings(
        max_examples=max(1, int(_default.max_examples * share)),
        stateful_step_count=steps,
        phases=[Phase.generate] if EXPLORING else list(Phase),
    )
