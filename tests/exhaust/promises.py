"""P1 and P5, looked at after every step and at every run's end.

By what the tables say, and by what was told to whom and has landed in the channel.
"""

from __future__ import annotations

from typing import Any

from intercom_standin.bodies import text_of_html
from tests.exhaust.scene import Scene
from tests.exhaust.wired import BOT

_PUSHES = "SELECT id, role, state, tries, overlapped, external_id, error FROM pushes ORDER BY id"
_MODE = "SELECT mode FROM chat_sessions WHERE status = 'active'"
_UNDONE = """
SELECT 'turn', state, why FROM turns WHERE state NOT IN ('recorded', 'discarded')
UNION ALL SELECT 'push', state, error FROM pushes WHERE state NOT IN ('sent', 'cancelled')
UNION ALL SELECT 'delivery', state, error FROM inbox WHERE state <> 'applied'
UNION ALL SELECT 'pass', '', cursor FROM reconciliations WHERE ended_at IS NULL
"""
_SAID = """
SELECT text FROM messages WHERE kind = 'message' AND state IN ('received', 'sent')
ORDER BY at, number, step, id
"""


class Broken(AssertionError):
    """A promise was not kept."""


class Promises:
    """Watches one run."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._told = False  # a delivery with the takeover was answered 200
        self._tries: dict[int, int] = {}
        self._mode: str | None = None
        scene.ghosts = lambda: self._told

    def look(self, action: str) -> None:
        """Look at what a step has done; raise Broken.

        Only at the tables, and at what `Scene.touches` calls the verdict: steps that commute must
        do so in the eyes of who looks.
        """
        scene = self._scene
        pushes = scene.sql.execute(_PUSHES).fetchall()
        mode = next((row[0] for row in scene.sql.execute(_MODE)), None)
        if action.startswith(("hear", "again")) and self._takeover() in action:
            self._told = True
        for id, role, _state, tries, *_ in pushes:
            if tries > self._tries.get(id, 0) and role in ("answer", "last_words"):
                # A begin. What its own transaction saw in the channel counts as well.
                if mode != "ai" or self._mode != "ai":
                    raise Broken(f"P1: push {id} was begun in mode {self._mode} → {mode}")
                if self._told and "hand_back" in scene.left:
                    raise Broken(f"P1: push {id} was begun after the takeover was answered 200")
            self._tries[id] = tries
        if mode == "human":
            # What may still land: nothing begins any more, so there is never more of it than now.
            wired = [row for row in pushes if row[2] in ("sending", "unknown")]
            if len(wired) > 1:
                raise Broken(f"P1: {len(wired)} messages are on the wire under people")
            if not all(row[4] for row in wired):
                raise Broken("P1: a message on the wire under people is not known as overlapped")
        self._mode = mode

    def at_the_end(self) -> str:
        """Close the run and tell what has come of it all; raise Broken."""
        scene = self._scene
        scene.close()
        talk = scene.standin.world.conversations[scene.conversation]
        undone = scene.sql.execute(_UNDONE).fetchall()
        if undone:
            raise Broken(f"P5: not done: {undone}")
        pushes = scene.sql.execute(_PUSHES).fetchall()
        sent = [row[5] for row in pushes if row[2] == "sent" and row[1] == "answer"]
        parts = [part.id for part in self._said_by_bot()]
        if sent != parts:
            raise Broken(f"P5, P6: sent {sent}, and the channel has {parts}")
        texts = [text_of_html(part.body) for part in self._said_by_bot()]
        if len(set(texts)) < len(texts):
            raise Broken(f"P5: said twice: {texts}")
        theirs = [text_of_html(talk.body)]
        theirs += [text_of_html(part.body) for part in talk.parts if part.body]
        ours = [row[0] for row in scene.sql.execute(_SAID)]
        if ours != theirs:
            raise Broken(f"P4: the history is {ours}, the channel's {theirs}")
        mode = next((row[0] for row in scene.sql.execute(_MODE)), None)
        held = talk.holding.admin_id
        if mode != ("ai" if held is None or str(held) == BOT else "human"):
            raise Broken(f"P3: mode {mode}, and the channel says {held}")
        if mode == "ai" and not theirs[-1].startswith("About"):
            raise Broken(f"P5: nobody answered: {theirs}")
        return f"{theirs} {mode} {[(row[1], row[2], row[4]) for row in pushes]}"

    def _said_by_bot(self) -> list[Any]:
        talk = self._scene.standin.world.conversations[self._scene.conversation]
        return [part for part in talk.parts if part.author.id == BOT and part.body]

    def _takeover(self) -> str:
        talk = self._scene.standin.world.conversations[self._scene.conversation]
        for part in talk.parts:
            if part.assigned_to is not None and part.assigned_to.id != BOT:
                return f"assigned:{part.id}"
        return "nobody"
