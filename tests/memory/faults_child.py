"""Run by test_faults.py in processes of their own: `python -m tests.memory.faults_child WHAT FOLDER NUMBER`."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import sys
from pathlib import Path

import apsw

from edge_sale.errors import EdgeSaleError
from edge_sale.memory.erase import Which, forget
from edge_sale.memory.history import History
from edge_sale.memory.store import AuctionMemory

from .kit import Grams, agree, award, done, run
from .vfs import Faulty, rebuild


def fresh(folder: Path, source: Path | None) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if source:
        shutil.copy(source, folder / "memory.sqlite")
    return folder / "memory.sqlite"


def live(path: Path, durable: bool = False) -> None:
    """Opens the memory, records, forgets: what a life of it consists of. Says what is acknowledged."""
    with AuctionMemory.open(path, Grams(), durable=durable) as memory:
        for n in range(3):
            memory.record(award(f"n{n}", f"count the words of file {n}"), done(), run())
            print(f"kept n{n}", flush=True)
    forget(path, Which(id="n1"))
    print("forgot n1", flush=True)


def quietly(path: Path) -> str:
    """The same with errors as the user would have them; "bug" where it would be a crash."""
    try:
        live(path)
    except EdgeSaleError as error:
        return f"told {str(error)[:200]!r}"
    except BaseException as error:
        return f"bug {type(error).__name__}: {error}"
    return "done"


def nth(folder: Path, source: Path, step: int) -> None:
    """Fails the nth change, n = 1, 1 + step, … until none is left to fail; both ways of failing by turns."""
    sys.unraisablehook = lambda *_: None  # apsw tells of what we raise inside SQLite
    failing = turn = 0

    def at(count: int, what: str) -> None:
        if count == failing:
            raise (apsw.FullError if turn % 2 else apsw.IOError)("made to fail")

    vfs = Faulty(at)
    while True:
        failing, turn = failing + (step if failing else 1), turn + 1
        path = fresh(folder / "nth", source)
        vfs.count = 0
        said = quietly(path)
        hit = vfs.count >= failing
        failing, kept = -failing, None  # nothing fails while it is looked at
        with contextlib.suppress(Exception):
            kept = agree(path)
        failing = -failing
        print(f"n {failing} {said if hit else 'end'} {'whole' if kept is not None else 'torn'}", flush=True)
        if not hit:
            return


def killed(folder: Path, source: Path, step: int) -> None:
    """Ends the process at the nth change, n = 1, 1 + step, …, as kill -9 does; then the file is looked at."""
    n = 1 - step
    while True:
        n += step
        path = fresh(folder / "killed", source)
        read, write = os.pipe()
        child = os.fork()
        if not child:
            os.dup2(write, 1)
            vfs = Faulty(lambda count, what, end=n: os._exit(9) if count == end else None)
            with contextlib.suppress(BaseException):
                live(path)
            sys.stdout.flush()
            del vfs  # until here: SQLite uses it as long as it is held
            os._exit(0)
        os.close(write)
        _, status = os.waitpid(child, 0)
        with os.fdopen(read) as told:
            kept = {line.split()[1] for line in told if line.startswith("kept")}
        state = "whole"
        try:
            if path.exists():
                History.open(path).list()  # whatever version it is at, it is opened and goes on
                with AuctionMemory.open(path, Grams()):
                    pass
                ids = agree(path)
                lost = kept - ids - {"n1"}
                state = f"lost {lost}" if lost or not {"t0", "t1"} <= ids else "whole"
        except Exception as error:
            state = f"torn {type(error).__name__} {error}"
        print(f"n {n} {'killed' if os.waitstatus_to_exitcode(status) == 9 else 'end'} {state}", flush=True)
        if os.waitstatus_to_exitcode(status) != 9:
            return


def power(folder: Path, source: Path, cuts: int) -> None:
    """Cuts the power at random points of a recorded life, with and without `durable`."""
    draw = random.Random(3)
    vfs = Faulty(lambda count, what: None)
    for durable in (False, True):
        path = fresh(folder / "power", source)
        begin = {str(path): path.read_bytes()}
        vfs.journal = journal = []
        acknowledged: list[tuple[int, str]] = []
        with AuctionMemory.open(path, Grams(), durable=durable) as memory:
            for n in range(12):
                memory.record(award(f"n{n}", f"count the words of file {n}"), done(), run())
                acknowledged.append((len(journal), f"n{n}"))
                if n == 6:
                    memory._db.execute("PRAGMA wal_checkpoint(PASSIVE)")
        vfs.journal = None
        for _ in range(cuts // 2):
            cut = draw.randrange(1, len(journal) + 1)
            after = fresh(folder / "after", None)
            rebuild(journal[:cut], begin, after.parent, draw)
            try:
                with AuctionMemory.open(after, Grams()):
                    pass
                ids = agree(after)
                lost = sum(name not in ids for place, name in acknowledged if place <= cut)
                state = f"lost {lost}" if {"t0", "t1"} <= ids else "old ones lost"
            except Exception as error:
                state = f"torn {error}"
            print(f"{'full' if durable else 'normal'} {state}", flush=True)


if __name__ == "__main__":
    what, folder, source, *rest = sys.argv[1:]
    {"nth": nth, "killed": killed, "power": power}[what](Path(folder), Path(source), *map(int, rest))
