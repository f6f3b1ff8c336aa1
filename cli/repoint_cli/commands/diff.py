"""``repoint diff``: what changed between two versions, two environments, or since some moves ago."""

from __future__ import annotations

import click

from repoint_cli.arguments import complete_sides
from repoint_cli.options import Settings, global_options, pass_settings
from repoint_cli.session import opened


@click.command(
    epilog="""\b
Examples:
  repoint diff refund@1.4.2 refund@1.5.0
  repoint diff refund@production~1 refund@production    its last move
  repoint diff production~1 production   what the last move changed
  repoint diff staging production        every agent that differs
  repoint diff refund@production         your working copy against production
  repoint diff refund                    your working copy against latest
  repoint diff refund@1.4.2 refund@1.5.0 --format markdown | pbcopy

A and B are AGENT@VERSION, AGENT@ENV, AGENT@ENV~N (N moves earlier), AGENT@latest,
AGENT (the working copy), or for all agents at once ENV and ENV~N. Where an agent
has the name of an environment, @ENV is the environment.

Every change is major (breaks what others rely on), minor (changes behaviour) or
patch (is not meant to); docs/reference/rules.md lists the rules.

See also: repoint history (what moved when), repoint rollback (get off it).
"""
)
@click.argument("first", metavar="A", shell_complete=complete_sides)
@click.argument("second", metavar="[B]", required=False, shell_complete=complete_sides)
@click.option("--stat", is_flag=True, help="Changes and counts only, no text.")
@click.option("--exit-code", is_flag=True, help="Exit 1 when there is a difference.")
@click.option(
    "--format", "form", type=click.Choice(["text", "markdown", "json"]), default="text", help="How to print it."
)
@global_options
@pass_settings
def diff(settings: Settings, first: str, second: str | None, stat: bool, exit_code: bool, form: str) -> int:
    """What changed from A to B, what matters most to behaviour first; without B, from A to the working copy."""
    console = settings.console
    if form == "json":
        console.json = True
        console.no_colours()
    from repoint_cli.diffsides import compare_targets

    with opened(settings) as session:
        compared = compare_targets(session, first, second)
    if console.json:
        from repoint_cli.diffresult import diff_result

        console.result(diff_result(compared, texts=not stat))
    elif form == "markdown":
        from repoint_cli.diffmarkdown import say_markdown

        console.no_colours()
        say_markdown(console, compared, stat=stat)
        console.show()
    else:
        from repoint_cli.difftext import say_text

        say_text(console, compared, stat=stat)
        console.show(page=True)
    return 1 if exit_code and compared.differs else 0
