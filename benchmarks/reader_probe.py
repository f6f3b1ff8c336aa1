"""A process with a reader, which is asked what it costs: ``python reader_probe.py ADDRESS CACHE``.

One JSON document for each line on standard input, and one first of all; it ends when standard input does. It imports
what a reader imports, and little else.
"""

import gc
import logging
import sys
import time

import msgspec

import repoint
from repoint.active import Contents

REPEATED = 7


def active(reader: repoint.Reader, calls: int) -> dict[str, object]:
    """Microseconds of one ``active()``, the median of several loops; what the loop itself takes is in it."""
    agent, took = next(iter(reader.agents)), []
    for _ in range(REPEATED):
        began = time.perf_counter()
        for _ in range(calls):
            reader.active(agent)
        took.append((time.perf_counter() - began) / calls * 1e6)
    return {"microseconds": sorted(took)[REPEATED // 2]}


def polls(reader: repoint.Reader, count: int) -> dict[str, object]:
    """Milliseconds of processor and by the clock of one poll, all threads of this process counted."""
    processor, clock = time.process_time(), time.perf_counter()
    moved = sum(reader.poll() for _ in range(count))
    took = time.process_time() - processor, time.perf_counter() - clock
    return {
        "cpu": took[0] / count * 1000,
        "wall": took[1] / count * 1000,
        "moved": moved,
        "generation": reader.generation,
        "failure": reader.staleness.reason,
    }


def memory(reader: repoint.Reader, _: int) -> dict[str, object]:
    """Bytes in memory now and at most (proc(5), ``VmRSS`` and ``VmHWM``), snapshots in memory, and of them live."""
    gc.collect()
    with open("/proc/self/status", encoding="ascii") as file:
        found = dict(line.split(":", 1) for line in file if line.startswith(("VmRSS", "VmHWM")))
    held = sum(isinstance(each, Contents) for each in gc.get_objects())
    resident, peak = (int(found[name].split()[0]) * 1024 for name in ("VmRSS", "VmHWM"))
    live = {active.digest for active in reader.agents.values()}
    return {"resident": resident, "peak": peak, "held": held, "live": len(live)}


ANSWERS = {"active": active, "polls": polls, "memory": memory}


def main(address: str, cache: str) -> None:
    logging.getLogger("repoint").setLevel(logging.CRITICAL)  # that a store is away is what is wanted
    began = time.perf_counter()
    with repoint.Reader(address, interval=None, cache=cache) as reader:
        took = time.perf_counter() - began
        said = {"seconds": took, "agents": len(reader.agents), "from_disk": reader.staleness.from_disk}
        print(msgspec.json.encode(said).decode(), flush=True)
        for line in sys.stdin:
            name, _, number = line.strip().partition(" ")
            print(msgspec.json.encode(ANSWERS[name](reader, int(number or 0))).decode(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
