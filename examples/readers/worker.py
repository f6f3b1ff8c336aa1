"""A worker: takes jobs one after another, each by what is live when it begins, and says when that changes.

``python worker.py s3://acme-agents/repoint`` does a job for each line that it is given.
"""

from __future__ import annotations

import argparse
import sys

import repoint


def main() -> None:
    """Do all jobs, and end."""
    parser = argparse.ArgumentParser()
    parser.add_argument("store")
    parser.add_argument("--environment", default="production")
    parser.add_argument("--interval", type=float, default=2.0)
    chosen = parser.parse_args()
    with repoint.Reader(chosen.store, environment=chosen.environment, interval=chosen.interval) as reader:
        reader.on_change(tell)
        for job in sys.stdin:
            with reader.pin() as agents:  # one job, one consistent set of agents
                print(done(agents.active("refund"), job.strip()), flush=True)


def tell(change: repoint.Change) -> None:
    """Say what moved; this is called in the reader's thread."""
    for agent, (before, now) in change.agents.items():
        versions = " -> ".join("not live" if each is None else each.version for each in (before, now))
        print(f"{change.environment} generation {change.generation}: {agent} {versions}", flush=True)


def done(active: repoint.Active, job: str) -> str:
    """Ask the model as the version says. Here the answer is what would be sent to it."""
    prompt = active.prompts["system"].text.splitlines()[0]
    return f"{active.agent} {active.version}, {active.model.name}: {prompt} | {job}"


if __name__ == "__main__":
    main()
