"""Whether the report and what it is measured against say the same. A difference stops the benchmark with a sentence."""

import csv
import itertools
import re
import sys
import zipfile

CLASSES = ["good", "late", "failed", "timed_out", "in_flight_over", "excluded"]
# Classes of the report that the script does not know, and that these data do not have.
OTHERS = ["cancelled_late", "undetermined"]
PERCENTILES = ["p50", "p90", "p95", "p99", "max"]


def milliseconds(microseconds):
    """Seconds with three digits, rounded up, as the report writes them."""
    return "{}.{:03}".format(*divmod(-(-int(microseconds) // 1000), 1000)) if microseconds else ""


def rows_of(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def of_completion(ours, script, tasks):
    """Compares completion.csv with the script's file, and both with the number of tasks; gives the number of pairs."""
    report = {
        (row["account"], row["model"]): {name: row[name] for name in CLASSES + OTHERS}
        | {name: row[f"{name}_seconds"] for name in PERCENTILES}
        for row in rows_of(ours)
        if row["clock"] == "dispatch"
    }
    theirs = {
        (row["slug"], row["model"]): {name: row[name] for name in CLASSES}
        | dict.fromkeys(OTHERS, "0")
        | {name: milliseconds(row[name]) for name in PERCENTILES}
        for row in rows_of(script)
    }
    for pair in sorted(report.keys() | theirs.keys()):
        left, right = report.get(pair), theirs.get(pair)
        if left is None or right is None:
            disagree(f"{of_whom(pair)} is in the {'script' if left is None else 'report'} alone")
        for name, value in left.items():
            if value != right[name]:
                disagree(
                    f"of {of_whom(pair)}, {name} is {value or 'empty'} in the report "
                    f"and {right[name] or 'empty'} in the script"
                )
    for name in CLASSES:
        whole, parts = (
            sum(int(row[name]) for pair, row in report.items() if bool(pair[0]) == is_part) for is_part in (False, True)
        )
        if whole != parts:
            disagree(f"{name} is {whole} over all, and {parts} summed over the customers")
    counted = sum(int(row[name]) for (account, _), row in report.items() if not account for name in CLASSES)
    if counted != tasks:
        disagree(f"the report counts {counted} tasks, and COPY gives {tasks}")
    return sum(1 for account, _ in report if account)


def of_whom(pair):
    return f"{pair[0] or 'everybody'} and {pair[1]}"


def disagree(what):
    sys.exit(f"What is compared does not agree, so nothing is measured: {what}.")


def of_files(ours, theirs):
    """Two files of the report have the same bytes."""
    if ours.read_bytes() != theirs.read_bytes():
        disagree(f"{ours} and {theirs} differ")


def as_copied(line):
    """A line of tasks.csv as COPY writes it, but for the seconds."""
    fields = line.rstrip("\r\n").split(",")
    for column in (5, 6, 7):
        if fields[column]:
            fields[column] = fields[column].removesuffix("+00:00").replace("T", " ").rstrip("0").rstrip(".") + "+00"
    return fields


def of_tasks(ours, copied):
    """Compares tasks.csv with COPY's rows, and gives their number."""
    count = -1
    with open(ours, encoding="utf-8-sig") as left, open(copied, encoding="utf-8") as right:
        for count, (line, other) in enumerate(itertools.zip_longest(left, right)):
            if line is None or other is None:
                disagree(f"{'tasks.csv' if line is None else 'what COPY gives'} ends after {count} lines")
            if count == 0:
                fields, expected = line.rstrip("\r\n").split(","), other.rstrip("\r\n").split(",")
            else:
                fields, expected = as_copied(line), other.rstrip("\r\n").split(",")
                expected[8] = milliseconds(expected[8].replace(".", ""))
            if fields != expected:
                disagree(f"line {count + 1} of tasks.csv is {','.join(fields)}, and COPY's is {','.join(expected)}")
    return count


def rows_of_tasks(path):
    """The rows of a workbook's sheet Tasks below the header, as XML without the numbers of their styles."""
    with zipfile.ZipFile(path) as book:
        names = re.findall(r'<sheet name="([^"]+)"', book.read("xl/workbook.xml").decode())
        with book.open(f"xl/worksheets/sheet{names.index('Tasks') + 1}.xml") as sheet:
            rest = b""
            is_first = True
            while chunk := sheet.read(1 << 20):
                *rows, rest = (rest + chunk).split(b"</row>")
                for row in rows[is_first:]:
                    yield re.sub(rb' s="\d+"| spans="[^"]*"', b"", row[row.index(b"<row ") :])
                is_first = is_first and not rows


def of_workbooks(ours, baseline):
    """Compares the tasks of two workbooks, and gives the number of rows."""
    count = 0
    for count, (left, right) in enumerate(itertools.zip_longest(rows_of_tasks(ours), rows_of_tasks(baseline)), 1):
        if left != right:
            disagree(f"the workbooks differ in row {count + 1}: {(left or b'').decode()} and {(right or b'').decode()}")
    return count
