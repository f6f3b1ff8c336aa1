"""Where the working copy of an agent lies: by ``repoint.toml``, or in the folder that the command line names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from repoint.errors import NotFound
from repoint_cli.session import Session
from repoint_schemas.documents import AgentName

if TYPE_CHECKING:
    from repoint.manifest import WorkingCopy


def working_copy(session: Session, agent: AgentName, source: Path | None = None) -> WorkingCopy:
    """The working copy of an agent: its folder by repoint.toml, or DIR. Raises: NotFound, InvalidInput."""
    from repoint.manifest import read_manifest

    workspace = session.workspace
    if source is not None:
        folder = source if source.is_absolute() else Path(session.settings.directory) / source
        if not folder.is_dir():
            raise NotFound(
                f"there is no folder {folder}", kind="no-such-folder", hint="--from takes the folder of agent.toml"
            )
        return read_manifest(folder, agent, shown=str(source))
    config = workspace.checkout
    if config is None:
        raise NotFound(
            "there is no checkout with a repoint.toml here that says where agents are",
            kind="no-config",
            hint=f"commit takes the folder: repoint commit {agent} --from DIR; diff takes a second side: "
            f"repoint diff A {agent}@latest",
        )
    from repoint.config import agent_folder

    folder = agent_folder(workspace.root, config, agent)
    return read_manifest(folder, agent, shown=str(folder.relative_to(workspace.root)))
