"""The targets of `fuzz/`, for a moment: what they take, bent anywhere. atheris looks further."""

from __future__ import annotations

import os
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fuzz import targets

EXAMPLES = int(os.environ.get("GATEWAY_FUZZ_EXAMPLES", "60"))
STRANGE = (
    b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"9" * 400, b"1e999", b"[" * 500, b'"\\ud800"', b"null",
    b"-0", b"{}", b"<script>", b"&#0;", b"javascript:", b"${SECRET}", b"[[", b"'''", b"%00",
    b"\r\n\r\n",
)  # fmt: skip


@st.composite
def bent(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """A seed with a few places cut, doubled or filled with something strange."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        to = min(len(data), at + draw(st.integers(0, 40)))
        filling = draw(st.sampled_from(STRANGE) | st.binary(max_size=12) | st.just(data[at:to] * 2))
        data[at:to] = filling
    return bytes(data)


@pytest.mark.parametrize("name", sorted(targets.TARGETS))
def test_nothing_falls(name: str) -> None:
    seeds = tuple(targets.seeds(name))
    assert seeds
    target = targets.TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(bent(seeds) | st.binary(max_size=200))
    def play(data: bytes) -> None:
        target(data)

    for seed in random.Random(1).sample(seeds, min(len(seeds), 20)):
        target(seed)
    play()
