"""What tools/demo prints: commands as they are typed, and a row for each thing that was tried."""

import shlex

ROWS = []


def say(text=""):
    print(text, flush=True)


def heading(text):
    say(f"\n--- {text}")


def row(what, good, seen=""):
    """One line of the closing table."""
    ROWS.append((what, bool(good), seen))
    say(f"    {'PASS' if good else 'FAIL'}  {what}{': ' + seen if seen else ''}")


def netsh(lab, line, show=None):
    """Types `netsh LINE` at lab.daemon; `show` picks the lines of its output to print."""
    say(f"    # netsh {line}")
    result = lab.daemon.netsh(*shlex.split(line))
    for text in result.stdout.splitlines():
        if show and show(text):
            say(f"      {text}")


def balance_row(what, daemon):
    """Whether all that came in went out or was counted."""
    came, went = daemon.balance()
    row(what, sum(came.values()) == sum(went.values()),
        " + ".join(f"{name} {count}" for name, count in came.items()) + " = "
        + " + ".join(f"{name} {count}" for name, count in went.items()))
