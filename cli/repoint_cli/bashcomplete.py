"""Completion for bash, which splits words at ``@`` (COMP_WORDBREAKS) where click expects whole words.

So the script hands over the line as typed, it is split here, and what bash left in front of the word it is about to
replace is cut from every answer: for ``refund@1.4`` bash wants ``1.4.2``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from click.shell_completion import BashComplete, add_completion_class, split_arg_string

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_SOURCE = """\
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:$COMP_POINT}" response reply
    response=$(env COMP_LINE="$line" COMP_WORDBREAKS="$COMP_WORDBREAKS" %(complete_var)s=bash_complete "$1")
    COMPREPLY=()
    for reply in $response; do
        case ${reply%%%%,*} in
            dir) COMPREPLY=(); compopt -o dirnames ;;
            file) COMPREPLY=(); compopt -o default ;;
            plain) COMPREPLY+=("${reply#*,}") ;;
        esac
    done
    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class Bash(BashComplete):
    """Bash, with ``@`` inside words."""

    source_template = _SOURCE

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one that is being typed."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        return words[1:], incomplete

    def format_completion(self, item: CompletionItem[str]) -> str:
        """The answer without the part before the last ``@`` that stays on the line."""
        typed = self.get_completion_args()[1]
        kept = typed[: typed.rfind("@") + 1] if "@" in os.environ.get("COMP_WORDBREAKS", "") else ""
        return f"{item.type},{item.value.removeprefix(kept)}"


def install() -> None:
    """Use it instead of click's own."""
    add_completion_class(Bash, "bash")
