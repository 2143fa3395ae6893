"""The lines of a result, and the one form of the files that keep them: results.md, results-engine.md and so on."""

import datetime
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADERS = ["measure", "ours", "baseline", "ratio", "goal", "reached"]


@dataclass(frozen=True)
class Line:
    """Ours and what it is measured against, in the same unit."""

    measure: str
    ours: str
    baseline: str = ""
    ratio: str = ""
    goal: str = ""
    is_reached: bool | None = None

    def cells(self):
        reached = {True: "yes", False: "no", None: ""}[self.is_reached]
        return [self.measure, self.ours, self.baseline, self.ratio, self.goal, reached]


def timed(name, series, ours, baseline, most=None):
    """A ratio of times, of which less is better."""
    ratio = series.ratio(ours, baseline)
    mark = "over " if series.was_stopped(ours) else ""
    # A baseline that had to be stopped took longer than is known: no goal is reached or missed by that.
    is_known = not series.was_stopped(baseline)
    return Line(
        name,
        f"{mark}{series.seconds(ours):.2f} s",
        f"{series.seconds(baseline):.2f} s" if is_known else "stopped",
        f"{mark}{ratio:.2f}" if is_known else "",
        f"at most {most}" if most else "",
        (ratio <= most and not mark) if most and is_known else None,
    )


def below(name, value, most, unit, baseline=""):
    return Line(name, f"{value:.0f} {unit}", baseline, "", f"below {most} {unit}", value < most)


def not_built(name, most):
    """What the program cannot do yet."""
    return Line(name, "not built", "", "", f"at most {most}")


def markdown(headers, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [headers, ["---"] * len(headers), *rows])


def table(lines):
    return markdown(HEADERS, [line.cells() for line in lines])


def plain(lines):
    rows = [HEADERS] + [line.cells() for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADERS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)


def machine():
    """Cores, the processor's model and the memory, as the system says them."""
    models = re.findall(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    kilobytes = int(re.search(r"^MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text(), re.MULTILINE)[1])
    model = models[0].strip() if models else "model not given"
    return f"{os.cpu_count()} cores, {model}, {kilobytes / 2**20:.0f} GB of memory"


def commit():
    """The commit that was measured, and whether files differed from it."""

    def git(*arguments):
        return subprocess.run(["git", "-C", str(HERE), *arguments], capture_output=True, text=True).stdout.strip()

    name = git("rev-parse", "--short", "HEAD")
    # What an earlier benchmark of the same run wrote is no change of the program.
    changes = [line for line in git("status", "--porcelain").splitlines() if "Benchmarks/results" not in line]
    return f"{name}{' with changes' if changes else ''}" if name else "none"


def write(file, title, server, data, way, text):
    """Writes a file of results. Its remarks begin anew: those of another run are about other figures."""
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    (HERE / file).write_text(f"""# {title}

- Machine: {machine()}
- Commit: {commit()}
- Date: {today}
- Server: {server}
- Data: {data}
- Way: {way}

{text}

[benchmarks.md](../docs/benchmarks.md) says what each line compares. `make bench` measures again.

## Remarks

None yet.
""")
