"""The bench of growth: years are made, and lived on with. No timing is asserted."""

from pathlib import Path

import pytest

from bench import growth


@pytest.mark.slow(12)
def test_years_are_made_and_lived_on_with(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--database", "sqlite", "--sessions", "500", "--seconds", "0.2", "--rounds", "1"]
    assert growth.main([*arguments, "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "525 sessions made" in said
    assert "RIGHT" in said
