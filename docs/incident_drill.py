"""Put the output of ``examples/drill.py`` into docs/incident.md, between its markers; run by ``make docs``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).with_name("incident.md")
DRILL = PAGE.parent.parent / "examples" / "drill.py"
BEGIN, END = "<!-- drill:begin -->\n", "<!-- drill:end -->"


def main() -> None:
    """Run the drill and write its page."""
    command = [sys.executable, str(DRILL)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=-1, stderr=subprocess.STDOUT, text=True, check=True)
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}```text\n{done.stdout.strip()}\n```\n{END}{after}")


if __name__ == "__main__":
    main()
