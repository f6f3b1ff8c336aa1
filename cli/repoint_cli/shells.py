"""What bash, zsh and fish run when TAB is pressed, and how each of them is answered.

click's own scripts serve as the model; these differ where a REF would suffer. bash splits words at ``@``
(COMP_WORDBREAKS), so the line is handed over as typed, with the word that bash is about to replace, and every answer
begins where that word does: ``@1.4.2`` for ``refund@1.4`` (Readline manual, rl_special_prefixes), the whole REF inside
quotes. fish would sort versions by letters, zsh by their descriptions: both are told to keep the order.
"""

from __future__ import annotations

import os

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)

_BASH = """\
# Completion of repoint for bash 4.4 or newer. For this shell only:
#   eval "$(repoint completion bash)"
# For every new shell, add that line to ~/.bashrc, or with bash-completion installed:
#   mkdir -p ~/.local/share/bash-completion/completions
#   repoint completion bash > ~/.local/share/bash-completion/completions/repoint
%(complete_func)s() {
    local IFS=$'\\n' line="${COMP_LINE:0:$COMP_POINT}" response reply
    response=$(env COMP_LINE="$line" COMP_WORD="$2" %(complete_var)s=bash_complete "$1")
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

_ZSH = """\
#compdef %(prog_name)s
# Completion of repoint for zsh. For every new shell, add this to ~/.zshrc, after compinit:
#   eval "$(repoint completion zsh)"
# or write it into a folder of your fpath, as the file _repoint:
#   repoint completion zsh > "${fpath[1]}/_repoint"
%(complete_func)s() {
    local -a values shown response
    local type key descr text
    integer widest=0
    (( ! $+commands[%(prog_name)s] )) && return 1
    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \
%(complete_var)s=zsh_complete %(prog_name)s)}")
    for type key descr in ${response}; do
        case $type in
            plain) values+=("$key"); (( $#key > widest )) && widest=$#key ;;
            dir) _path_files -/ ;;
            file) _path_files ;;
        esac
    done
    for type key descr in ${response}; do
        text="${(r:widest:)key}${${descr#_}:+  -- $descr}"
        [[ $type != plain ]] || shown+=("${text[1,COLUMNS-1]}")
    done
    (( $#values )) && compadd -U -l -V unsorted -d shown -a values
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef %(complete_func)s %(prog_name)s
fi
"""

_FISH = """\
# Completion of repoint for fish. For every new shell:
#   repoint completion fish > ~/.config/fish/completions/repoint.fish
function %(complete_func)s
    for answer in (env %(complete_var)s=fish_complete COMP_WORDS=(commandline -cp | string collect) \
COMP_CWORD=(commandline -ct | string collect) %(prog_name)s)
        set -l parts (string split -m 1 "," -- $answer)
        switch $parts[1]
            case dir
                __fish_complete_directories (commandline -ct)
            case file
                __fish_complete_path (commandline -ct)
            case plain
                printf '%%s\\n' $parts[2]
        end
    end
end

complete --no-files --keep-order --command %(prog_name)s --arguments "(%(complete_func)s)"
"""


class Bash(BashComplete):
    """Bash: answers begin where the word that it replaces begins."""

    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        """The words before the cursor, and the one that is being typed."""
        line = os.environ.get("COMP_LINE", "")
        words = split_arg_string(line)
        incomplete = "" if not words or line[-1:].isspace() else words.pop()
        return words[1:], incomplete

    def complete(self) -> str:
        """The answers without what stays on the line in front of the word that bash replaces."""
        arguments, typed = self.get_completion_args()
        replaced = os.environ.get("COMP_WORD", typed)
        kept = typed.removesuffix(replaced) if replaced and typed.endswith(replaced) else ""
        found = self.get_completions(arguments, typed)
        start = len(kept)
        return "\n".join([f"{i.type},{i.value[start if i.value.startswith(kept) else 0 :]}" for i in found])


class Zsh(ZshComplete):
    """Zsh: three lines for each answer, whole words."""

    source_template = _ZSH

    def complete(self) -> str:
        """The answers, each as its type, its value and what is said of it."""
        arguments, typed = self.get_completion_args()
        found = _whole_words(self.get_completions(arguments, typed), typed)
        return "\n".join([f"{i.type}\n{i.value}\n{i.help or '_'}" for i in found])


class Fish(FishComplete):
    """Fish: the order is kept, and what is said of an answer follows after a tab."""

    source_template = _FISH

    def complete(self) -> str:
        """The answers, one a line, as in ``plain,1.4.2<TAB>live in production``."""
        arguments, typed = self.get_completion_args()
        found = _whole_words(self.get_completions(arguments, typed), typed)
        return "\n".join([f"{i.type},{i.value}" + (f"\t{i.help}" if i.help else "") for i in found])


def _whole_words(items: list[CompletionItem[str]], typed: str) -> list[CompletionItem[str]]:
    """Zsh and fish replace the whole word, so for ``--env=st`` they want ``--env=staging``."""
    option, equals, _ = typed.partition("=")
    if not (typed.startswith("--") and equals):
        return items
    return [CompletionItem(f"{option}={item.value}", item.type, item.help) for item in items]


def install() -> None:
    """Use them instead of click's own."""
    for name, kind in (("bash", Bash), ("zsh", Zsh), ("fish", Fish)):
        add_completion_class(kind, name)
