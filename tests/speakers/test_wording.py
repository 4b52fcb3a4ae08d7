"""Phrases are found however people write them, and nowhere else."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.conversations.wording import folded, phrase_in


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("I want to SPEAK to a  Human!", "speak to a human"),
        ("speak\nto a\thuman", "Speak to a human"),
        ("**speak** to _a human_.", "speak to a human"),
        ("hu\u200bman, please", "human"),
        ("Quiero hablar con una persona", "HABLAR CON UNA PERSONA"),
        ("¿Puedo hablar con alguién?", "hablar con alguien"),
        ("je veux parler à un humain", "parler a un humain"),
        ("je veux parler a\u0300 un humain", "parler à un humain"),
        ("Ich möchte mit einem Menschen sprechen", "mochte mit einem menschen"),
        ("STRASSE", "straße"),
        ("ΘΕΛΩ ΑΝΘΡΩΠΟ", "θέλω άνθρωπο"),
        ("хочу поговорить с человеком", "С ЧЕЛОВЕКОМ"),
        ("أُريدُ التحدثَ مع إنسان", "اريد التحدث مع انسان"),
        ("今すぐ人と話したいです", "人と話したい"),
        ("상담원과 연결해 주세요", "상담원"),
        ("ผมอยากคุยกับเจ้าหน้าที่ครับ", "คุยกับเจ้าหน้าที่"),
        ("I don’t want a bot", "don't want a bot"),
        ("> Our earlier words\nhuman", "human"),
    ],
)
def test_found(text: str, phrase: str) -> None:
    assert phrase_in([text], [phrase]) == phrase


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("That is inhuman", "human"),
        ("humanity", "human"),
        ("human", "a human"),
        ("speak. To an human", "speak to a human"),
        ("> You can speak to a human\nOk", "speak to a human"),
        ("", "human"),
        ("🙂", "human"),
        ("がく", "かく"),
        ("personal", "persona"),
    ],
)
def test_not_found(text: str, phrase: str) -> None:
    assert phrase_in([text], [phrase]) is None


def test_the_first_phrase_that_is_found_is_told() -> None:
    assert phrase_in(["b and c"], ["a", "c", "b"]) == "c"
    assert phrase_in(["x", "a"], ["a"]) == "a"
    assert phrase_in([], ["a"]) is None


@given(st.text(max_size=60))
def test_folding_is_stable(text: str) -> None:
    once = folded(text)
    assert folded(once) == once
    assert folded(unicodedata.normalize("NFD", text)) == folded(unicodedata.normalize("NFC", text))
    assert once == once.strip()


@given(
    before=st.text(max_size=20), phrase=st.text(min_size=1, max_size=20), after=st.text(max_size=20)
)
def test_a_phrase_set_apart_is_found_in_any_text(before: str, phrase: str, after: str) -> None:
    if folded(phrase) and not phrase.lstrip().startswith(">") and len(phrase.splitlines()) == 1:
        quoted = before.splitlines()[-1:] and before.splitlines()[-1].lstrip().startswith(">")
        if not quoted:
            assert phrase_in([f"{before} {phrase} {after}"], [phrase]) == phrase


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_the_short_way_is_the_long_way(text: str) -> None:
    assert folded(text) == folded(text + " é").removesuffix("e").strip()


def test_a_long_text_costs_little() -> None:
    assert phrase_in(["x " * 5_000_000 + "human"], ["human"]) is None
