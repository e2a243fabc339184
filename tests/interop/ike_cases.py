# Copyright 2026 The Portcullis authors. SPDX-License-Identifier: Apache-2.0
"""Cases of the interoperability of IKE: what they are, and how they are run and reported."""
import dataclasses
import time
import traceback
import typing

from ike_lab import support

CASES = []


@dataclasses.dataclass(frozen=True)
class Case:
    """`group`: tells tables and labs apart. `mark`: row and column of the case in a table."""

    group: str
    name: str
    function: typing.Callable
    slow: bool = False
    mark: tuple = ()


def case(group, slow=False):
    """A case named as its function, with blanks."""
    def add(function):
        CASES.append(Case(group, function.__name__.replace("_", " "), function, slow))
        return function
    return add


def add_case(group, name, function, mark=(), slow=False):
    CASES.append(Case(group, name, function, slow, mark))


def log_tail(name, text, lines):
    rows = text.splitlines()
    print(f"     --- {name}")
    for row in rows[-lines:]:
        print(f"     {row}")


def run_case(one, lab):
    """Prints the verdict. True if it is good."""
    started = time.monotonic()
    try:
        lab.reset()
        one.function(lab)
        assert lab.lives(), "the gateway has ended"
    except Exception:  # noqa: BLE001: whatever it is, the other cases are still worth seeing
        print(f"FAIL {one.group}: {one.name}")
        print("".join(f"     {line}\n" for line in traceback.format_exc().splitlines()), end="")
        for name, text, lines in lab.logs():
            log_tail(name, text, lines)
        good = False
    else:
        print(f"PASS {one.group}: {one.name}")
        good = True
    print(f"     {time.monotonic() - started:.1f} s", flush=True)
    return good


def print_table(group, results):
    """`results`: of cases with a mark. One row for each first half, one column for each second."""
    marks = {one.mark: good for one, good in results.items() if one.group == group and one.mark}
    if not marks:
        return
    rows = list(dict.fromkeys(row for row, _ in marks))
    columns = list(dict.fromkeys(column for _, column in marks))
    width = max(map(len, rows))
    support.figure(f"{group:{width}}  " + "  ".join(columns))
    for row in rows:
        cells = [{True: "+", False: "F", None: "-"}[marks.get((row, column))]
                 for column in columns]
        support.figure(f"{row:{width}}  " + "  ".join(
            f"{cell:{len(column)}}" for cell, column in zip(cells, columns, strict=True)))
