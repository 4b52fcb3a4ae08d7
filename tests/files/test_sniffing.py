"""What a file is, its bytes decide; its name only chooses among what they may be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config.filetypes import KNOWN, USUAL
from gateway.files.names import LONGEST, ending_of, safe_name
from gateway.files.sniffing import HEAD, TypeNotAllowed, recognise
from tests.files.samples import EVERY, archive, boxes, gif, jpeg, office, png


def test_every_type_has_a_sample() -> None:
    assert set(EVERY) == set(KNOWN)
    assert set(USUAL) <= set(KNOWN)


@pytest.mark.parametrize("name", EVERY)
def test_every_type_is_told_by_its_bytes(name: str) -> None:
    found = recognise(EVERY[name], f"thing{name}", KNOWN)
    assert (found.type.name, found.name) == (name, f"thing{name}")
    if name != ".csv":  # nothing but the name tells it from other words
        nameless = recognise(EVERY[name], "thing", KNOWN)
        assert nameless.name == f"thing{name}"


@pytest.mark.parametrize("name", EVERY)
def test_what_is_not_allowed_is_not_taken(name: str) -> None:
    with pytest.raises(TypeNotAllowed) as refused:
        recognise(EVERY[name], f"thing{name}", ())
    assert refused.value.status == 415


PROGRAMS = {
    "windows": b"MZ\x90\x00" + bytes(60),
    "linux": b"\x7fELF\x02\x01\x01" + bytes(60),
    "shell": b"#!/bin/sh\nrm -rf ~\n",
    "html": b"<!DOCTYPE html><script>alert(1)</script>",
    "html in capitals": b"  \n\t<HTML><BODY onload=alert(1)>",
    "html, a byte order mark first": b"\xef\xbb\xbf<script >alert(1)</script>",
    "html, a comment first": b"<!-- hello --><svg onload=alert(1)>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "xml": b"<?xml version='1.0'?><svg/>",
    "php": b"<?php system($_GET['x']);",
    "postscript": b"%!PS-Adobe-3.0",
    "old office, and installers": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(60),
    "rar": b"Rar!\x1a\x07\x01\x00",
    "nothing known": bytes(range(256)),
    "words with a NUL": b"hello\x00world",
    "another kind of box": boxes(b"jp2 "),
}


@pytest.mark.parametrize("ending", [".png", ".txt", ".csv", ".pdf", ".zip", ""])
@pytest.mark.parametrize("content", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_is_refused_whatever_its_name(content: bytes, ending: str) -> None:
    with pytest.raises(TypeNotAllowed):
        recognise(content, f"photo{ending}", KNOWN)


@pytest.mark.parametrize("ending", [".html", ".svg", ".js", ".bat", ".ps1", ".vbs", ".php", ".hta"])
def test_plain_words_are_refused_under_the_name_of_something_that_runs(ending: str) -> None:
    with pytest.raises(TypeNotAllowed):
        recognise(b"alert(1)", f"words{ending}", KNOWN)


@pytest.mark.parametrize(
    ("content", "name", "becomes"),
    [
        (png(), "photo.jpg", "photo.png"),
        (png(), "setup.exe", "setup.exe.png"),
        (jpeg(), "photo.JPEG", "photo.JPEG"),
        (png(), "page.html", "page.html.png"),
        (gif(), "x.svg", "x.svg.gif"),
        (archive("META-INF/MANIFEST.MF"), "app.jar", "app.jar.zip"),
        (office("word"), "macros.docm", "macros.docm.docx"),
        (office("word"), "all.zip", "all.zip"),
        (archive("a.txt"), "letter.docx", "letter.zip"),
        (b"words", "README", "README.txt"),
    ],
)
def test_names_say_what_the_bytes_are(content: bytes, name: str, becomes: str) -> None:
    assert recognise(content, name, KNOWN).name == becomes


@pytest.mark.parametrize(
    ("content", "type"),
    [
        (gif() + b"/*<script>alert(1)</script>*/", "image/gif"),
        (png() + archive("x.class"), "image/png"),
        (b"%PDF-1.4\n<script>alert(1)</script>", "application/pdf"),
        (jpeg() + b"<?php system('id') ?>", "image/jpeg"),
    ],
)
def test_what_is_two_things_at_once_is_taken_for_the_harmless_one(
    content: bytes, type: str
) -> None:
    """... and its name ends as that: see test_doors for how it is given out."""
    found = recognise(content, "both.html", KNOWN)
    assert found.type.content_type == type
    assert ending_of(found.name) == found.type.name


def test_sides_are_those_that_are_shown() -> None:
    def sides(content: bytes) -> tuple[int | None, int | None]:
        found = recognise(content, "x", KNOWN)
        return found.width, found.height

    assert sides(png(300, 200)) == (300, 200)
    assert sides(gif(5, 4)) == (5, 4)
    assert sides(EVERY[".webp"]) == (10, 8)
    assert sides(jpeg(40, 30)) == (40, 30)
    assert sides(jpeg(40, 30, orientation=6)) == (30, 40)  # a phone that was held upright
    assert sides(png(4_000_000_000, 1)) == (None, None)
    assert sides(png()[:20]) == (None, None)
    assert sides(EVERY[".pdf"]) == (None, None)


@given(st.sampled_from(sorted(EVERY)), st.binary(max_size=2000), st.integers(0, 64))
def test_hostile_bytes_are_told_or_refused(name: str, noise: bytes, cut: int) -> None:
    content = EVERY[name][:cut] + noise
    try:
        found = recognise(content, f"x{name}", KNOWN)
    except TypeNotAllowed:
        return
    assert found.type.name in KNOWN


def test_a_large_head_is_looked_at_in_no_time() -> None:
    for start in (*EVERY.values(), b"", b"PK\x03\x04" * (HEAD // 4), b" " * HEAD):
        try:
            recognise((start + b"PK\x03\x04<\n" * HEAD)[:HEAD], "x.docx", KNOWN)
        except TypeNotAllowed:
            pass


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("C:\\fakepath\\a b.png", "a b.png"),
        ("/etc/", "file"),
        ("", "file"),
        ("..", "file"),
        (".htaccess", "htaccess"),
        ("a\x00b.png", "ab.png"),
        ("invoice\u202egnp.exe", "invoicegnp.exe"),  # would be read as invoiceexe.png
        ("a\r\nSet-Cookie: x.png", "aSet-Cookie_ x.png"),
        ('"quoted"<b>.png', "_quoted__b_.png"),
        ("con.png", "_con.png"),
        ("naïve résumé.pdf", "naïve résumé.pdf"),
        ("می\u200cخواهم.pdf", "می\u200cخواهم.pdf"),
        ("\ufeff\u200b\u2066x.png", "x.png"),
        ("a\ud800.png", "a.png"),
        ("photo.png. . .", "photo.png"),
        ("x" * 500 + ".jpeg", "x" * (LONGEST - 5) + ".jpeg"),
    ],
)
def test_names_are_made_safe(given: str, kept: str) -> None:
    assert safe_name(given) == kept
    assert safe_name(kept) == kept


@given(st.text(max_size=300))
def test_every_name_is_safe(text: str) -> None:
    name = safe_name(text)
    assert 0 < len(name) <= LONGEST
    assert not set(name) & set('/\\\x00\r\n"<>|?*:\u202e')
    assert name not in (".", "..")
    assert not name.startswith(".")
    name.encode()
    assert safe_name(name) == name
