"""After a command that is done: the replicas follow, and what does not is said. Nothing here can undo the command."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repoint.replicas import Made
    from repoint_cli.session import Session
    from repoint_schemas.documents import Record


def let_replicas_follow(session: Session, *, moved: Record | None = None, made: Made | None = None) -> list[str]:
    """Bring the replicas up by one move or one release, best effort; the names of those that stay behind, told too."""
    if not session.workspace.has_replicas:
        return []
    from repoint.replicas import catch_up

    behind = catch_up(session.workspace, moved, made)
    if behind:
        them = "it" if len(behind) == 1 else "them"
        session.console.done(f"  behind: {', '.join(behind)}; repoint sync brings {them} up")
    return behind
