"""An independent model of environments: plain dictionaries, the whole history kept, written from docs/moves.md alone.

It knows nothing of records, pointers or digests. Every generation is a complete copy: for each agent the stack of
versions with the live one on top, the holds, and whether moves are frozen. What is live beneath is found by looking at
the stack, what was live before by looking through the history.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field

Frame = tuple[str, int]
"""A version, and the generation in which it became live in this place of the stack."""


class Refused(Exception):
    """The move is refused; ``kind`` is the class of the error: gate, missing."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class NothingToDo(Exception):
    """There is nothing to do."""


@dataclass
class State:
    """One generation of an environment."""

    stacks: dict[str, list[Frame]] = field(default_factory=dict)
    holds: dict[str, dict[str, tuple[int, str]]] = field(default_factory=dict)
    frozen: tuple[int, str] | None = None

    def live(self) -> dict[str, str]:
        return {agent: stack[-1][0] for agent, stack in self.stacks.items()}

    def entries(self) -> dict[str, tuple[str, int, int | None]]:
        """Version, since and back of every agent, as a record has them."""
        return {
            agent: (stack[-1][0], stack[-1][1], stack[-2][1] if len(stack) > 1 else None)
            for agent, stack in self.stacks.items()
        }


@dataclass
class Model:
    """Everything that was ever published, and every environment's whole history."""

    published: dict[tuple[str, str], str] = field(default_factory=dict)
    requires: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    yanked: dict[tuple[str, str], str] = field(default_factory=dict)
    histories: dict[str, list[State]] = field(default_factory=dict)

    def now(self, environment: str) -> State:
        return self.histories[environment][-1]

    def _next(self, environment: str) -> tuple[State, int]:
        return copy.deepcopy(self.now(environment)), len(self.histories[environment])

    def _append(self, environment: str, state: State) -> None:
        self.histories[environment].append(state)

    # -- versions

    def publish(self, agent: str, version: str, content: str, requires: dict[str, str]) -> str:
        """``created``, ``there``, or ``taken``."""
        if (agent, version) in self.published:
            return "there" if self.published[agent, version] == content else "taken"
        self.published[agent, version] = content
        self.requires[agent, version] = requires
        return "created"

    def yank(self, agent: str, version: str, message: str) -> None:
        if (agent, version) in self.yanked:
            raise NothingToDo
        if (agent, version) not in self.published:
            raise Refused("missing")
        self.yanked[agent, version] = message

    def unyank(self, agent: str, version: str) -> None:
        if self.yanked.pop((agent, version), None) is None:
            raise NothingToDo

    # -- moves

    def promote(self, environment: str, wanted: dict[str, str]) -> None:
        state, generation = self._next(environment)
        new = {agent: version for agent, version in wanted.items() if state.live().get(agent) != version}
        if not new:
            raise NothingToDo  # row 6
        if any((agent, version) not in self.published for agent, version in new.items()):
            raise Refused("missing")
        held = any(version in state.holds.get(agent, {}) for agent, version in new.items())  # row 7
        yanked = any(pair in self.yanked for pair in new.items())  # row 8
        for agent, version in new.items():  # rows 4 and 5
            state.stacks.setdefault(agent, []).append((version, generation))
        if held or yanked or state.frozen or self._broken(state, set(new)):  # rows 9 to 11
            raise Refused("gate")
        self._append(environment, state)

    def _broken(self, state: State, moved: set[str]) -> bool:
        """Row 10: a requirement of a moved agent, or of a live one on it, does not hold."""
        live = state.live()
        return any(
            not _satisfied(live.get(other), wanted)
            for agent, version in live.items()
            for other, wanted in self.requires[agent, version].items()
            if agent in moved or other in moved
        )

    def step_down(self, environment: str, agents: dict[str, str | None], message: str) -> None:
        state, generation = self._next(environment)
        before = state.live()
        done = False
        for agent, leave in agents.items():
            if agent not in before:
                raise Refused("missing")
            if leave is not None and before[agent] != leave:  # row 17
                continue
            stack = state.stacks[agent]
            stack.pop()  # rows 13 and 16
            while stack and self._is_bad(state, agent, stack[-1][0], before[agent]):
                stack.pop()  # row 14
            if not stack:
                raise Refused("missing")  # row 15
            stack[-1] = (stack[-1][0], generation)
            state.holds.setdefault(agent, {})[before[agent]] = (generation, message)
            done = True
        if not done:
            raise NothingToDo
        self._append(environment, state)

    def _is_bad(self, state: State, agent: str, version: str, left: str) -> bool:
        """Held, yanked, or the very version that is being left: the hold that is put on it counts already."""
        return version == left or version in state.holds.get(agent, {}) or (agent, version) in self.yanked

    def back_to(self, environment: str, agent: str, version: str, message: str) -> None:
        state, generation = self._next(environment)
        left = state.live().get(agent)
        if left is None:
            raise Refused("missing")
        if left == version:
            raise NothingToDo
        then = [s.stacks[agent] for s in self.histories[environment] if s.live().get(agent) == version]
        if not then:
            raise Refused("missing")  # row 19
        if (agent, version) in self.yanked:
            raise Refused("gate")  # row 20
        state.stacks[agent] = [*then[-1][:-1], (version, generation)]  # row 18
        holds = state.holds.setdefault(agent, {})
        holds.pop(version, None)
        holds[left] = (generation, message)
        self._append(environment, state)

    def restore(self, environment: str, target: int) -> None:
        state, generation = self._next(environment)
        if target >= generation:
            raise Refused("missing")
        then = self.histories[environment][target]
        if any(pair in self.yanked for pair in then.live().items() - state.live().items()):
            raise Refused("gate")
        changed = False
        for agent, stack in then.stacks.items():  # row 26
            if state.stacks[agent][-1][0] != stack[-1][0] or state.stacks[agent][:-1] != stack[:-1]:
                state.stacks[agent] = [*stack[:-1], (stack[-1][0], generation)]
                changed = True
        if not changed:
            raise NothingToDo
        self._append(environment, state)

    def unhold(self, environment: str, agent: str, version: str) -> None:
        state, _ = self._next(environment)
        if version not in state.holds.get(agent, {}):
            raise NothingToDo
        del state.holds[agent][version]  # row 28
        self._append(environment, state)

    def freeze(self, environment: str, message: str) -> None:
        state, generation = self._next(environment)
        if state.frozen:
            raise NothingToDo
        state.frozen = (generation, message)
        self._append(environment, state)

    def unfreeze(self, environment: str) -> None:
        state, _ = self._next(environment)
        if not state.frozen:
            raise NothingToDo
        state.frozen = None
        self._append(environment, state)

    def earlier(self, environment: str, agent: str) -> list[str]:
        """The versions of an agent that were live, newest first, each stretch once: what ``~0``, ``~1`` … name."""
        found: list[str] = []
        for state in reversed(self.histories[environment]):
            version = state.live().get(agent)
            if version is not None and (not found or found[-1] != version):
                found.append(version)
        return found


def _satisfied(version: str | None, wanted: str) -> bool:
    """``>=X`` or ``<X`` for final versions."""
    if version is None:
        return False
    numbers = [int(part) for part in version.split(".")]
    bound = [int(part) for part in wanted.lstrip("<>=").split(".")]
    return numbers >= bound if wanted.startswith(">=") else numbers < bound
