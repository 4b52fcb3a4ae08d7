"""axe-core in a page: what it finds of WCAG 2.2 AA, and of good practice."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

# Installed with the widget's tools (`make setup`).
_AXE = (
    Path(__file__).parents[2] / "gateway/channels/webwidget/client/node_modules/axe-core/axe.min.js"
)
_RUN = """
async (contrastAlone) => {
  // Chromium leaves some colours as they were when the scheme changes under a page.
  document.documentElement.style.display = "none";
  document.documentElement.getBoundingClientRect();
  document.documentElement.style.display = "";
  for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
  const everything = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const found = await axe.run(document, {
    runOnly: contrastAlone ? { type: "rule", values: ["color-contrast"] } : everything,
    resultTypes: ["violations"],
  });
  return found.violations.map((one) => ({
    rule: one.id, help: one.help,
    where: one.nodes.map((node) => `${node.target.join(" ")}: ${node.failureSummary}`),
  }));
}
"""


@cache
def _source() -> str:
    return _AXE.read_text(encoding="utf-8")


def violations(page: Page, *, contrast_alone: bool = False) -> list[Any]:
    """What axe objects to on this page as it is now.

    `contrast_alone`: the same page was asked about everything in its other colours.
    """
    page.evaluate(_source())  # not as a script of the page: its policy lets none in
    found: list[Any] = page.evaluate(_RUN, contrast_alone)
    return found
