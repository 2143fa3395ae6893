#!/usr/bin/env python3
"""Reads every CSV file and every sheet of some months with the programs that people use, and says what goes wrong.

Usage: readers.py FOLDER…: one folder a month. A file of a month is compared with the same one of the others: a column has
one type in all of them, nothing is null that is not empty, and no sheet has text among numbers.
"""

import csv
import re
import subprocess
import sys
import tempfile
import warnings
from collections import defaultdict
from pathlib import Path

import agate
import duckdb
import fastexcel
import openpyxl
import pandas
import polars
import pyarrow.csv
import sqlite_utils
from sqlite_utils.utils import TypeTracker

# A file of another month or customer with the same columns.
MONTH, CUSTOMER = re.compile(r"\d{4}-\d\d"), re.compile(r"-customer\d+-")


def kind(name):
    """What a type is, whatever a program calls it."""
    name = str(name).lower()
    if re.search(r"bool", name):
        return "truth"
    if re.search(r"timestamp|datetime|date", name):
        return "time"
    if re.search(r"int|double|float|decimal|numeric|number", name):
        return "number"
    return "null" if name == "null" else "text"


def raw(path):
    """The columns and rows as they stand in the file."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        columns, *rows = csv.reader(file)
    return columns, rows


def by_duckdb(path):
    """Types and columns of values as DuckDB guesses them."""
    relation = duckdb.sql(f"SELECT * FROM read_csv('{path}', sample_size = -1)")
    return dict(zip(relation.columns, map(str, relation.types))), relation.fetchall(), relation.columns


def by_polars(path):
    """The same of polars."""
    frame = polars.read_csv(path, infer_schema_length=None, try_parse_dates=True)
    return {name: str(kind) for name, kind in frame.schema.items()}, frame.rows(), frame.columns


def by_pandas(path):
    """The same of pandas."""
    frame = pandas.read_csv(path)
    rows = [[None if pandas.isna(value) else value for value in row] for row in frame.itertuples(index=False)]
    types = {name: "text" if str(kind) in ("object", "str") else str(kind) for name, kind in frame.dtypes.items()}
    return types, rows, list(frame.columns)


def by_pyarrow(path):
    """The same of pyarrow."""
    table = pyarrow.csv.read_csv(path)
    return ({field.name: str(field.type) for field in table.schema},
            list(zip(*(column.to_pylist() for column in table.columns))), table.column_names)


def by_sqlite_utils(path):
    """The same of sqlite-utils with --detect-types."""
    columns, rows = raw(path)
    tracker, database = TypeTracker(), sqlite_utils.Database(memory=True)
    database["t"].insert_all(tracker.wrap(dict(zip(columns, row)) for row in rows))
    database["t"].transform(types=tracker.types)
    read = [tuple(row.values()) for row in database["t"].rows]
    return {name: {"integer": "int"}.get(kind, kind) for name, kind in tracker.types.items()}, read, columns


def by_csvkit(path):
    """The same of agate, which csvkit is made of."""
    table = agate.Table.from_csv(path, encoding="utf-8-sig")
    names = {"Number": "number", "Text": "text", "Boolean": "bool", "Date": "date", "DateTime": "datetime"}
    return ({column.name: names.get(type(column.data_type).__name__, "text") for column in table.columns},
            [tuple(row) for row in table.rows], list(table.column_names))


READERS = {
    "duckdb": by_duckdb, "polars": by_polars, "pandas": by_pandas, "pyarrow": by_pyarrow,
    "sqlite-utils": by_sqlite_utils, "csvkit": by_csvkit,
}


def read_csv_files(folders, seen, say):
    """Every CSV file by every program."""
    for folder in folders:
        for path in sorted(folder.rglob("*.csv")):
            columns, rows = raw(path)
            if not rows:
                continue
            name = CUSTOMER.sub("-CUSTOMER-", MONTH.sub("MONTH", str(path.relative_to(folder))))
            filled = [any(row[place] for row in rows) for place in range(len(columns))]
            for reader, read in READERS.items():
                try:
                    types, values, own = read(str(path))
                except Exception as error:  # pylint: disable=broad-exception-caught
                    say(f"{reader} cannot read {path}: {str(error).splitlines()[0]}")
                    continue
                if list(own) != columns or len(values) != len(rows):
                    say(f"{reader} reads {len(values)} of {len(rows)} rows, or other columns, of {path}")
                    continue
                for place, column in enumerate(columns):
                    if filled[place]:
                        # csvkit takes what holds 0 and 1 alone for truth values, which lose nothing.
                        found = kind(types[column])
                        numbers = {row[place] for row in rows} <= {"", "0", "1"}
                        found = "number" if reader == "csvkit" and found == "truth" and numbers else found
                        seen[reader, name, column][found].append(str(path))
                    lost = [row[place] for row, value in zip(rows, values) if row[place] and value[place] is None]
                    if lost:
                        say(f"{reader} reads {lost[0]!r} of {column} as null in {path}")


def cells(path):
    """Sheets with their rows from the header on, as openpyxl has them."""
    book = openpyxl.load_workbook(path)
    for sheet in book.worksheets:
        yield sheet, [[cell.value for cell in row] for row in sheet.iter_rows()]


# What a table's name may be: no reference to a cell, by its letter and number or by its row and column.
TABLE, CELL = re.compile(r"[A-Za-z_]\w{0,254}", re.ASCII), re.compile(r"([a-z]{1,3}\d+|r\d*(c\d*)?|c\d*)", re.I)
# Sheets whose rows have more than one table's columns, or text below them.
NO_TABLE = {"Summary"}


def check_tables(path, say):
    """The tables of a workbook: each sheet with rows has one, of exactly its header and rows, with a name of its own."""
    names = []
    for sheet, rows in cells(path):
        header, tables = header_row(rows), list(sheet.tables.values())
        names += [table.displayName for table in tables]
        if header is None or header + 1 == len(rows):
            if tables:
                say(f"{path.name}, {sheet.title} has a table without rows")
            continue
        if not tables and sheet.title not in NO_TABLE:
            say(f"{path.name}, {sheet.title} has rows and no table")
        for table in tables:
            last = openpyxl.utils.get_column_letter(len(rows[header]))
            ref = f"A{header + 1}:{last}{len(rows)}"
            if len(tables) > 1 or table.ref != ref or table.autoFilter.ref != ref or sheet.auto_filter.ref:
                say(f"{path.name}, {sheet.title}: the table is {table.ref}, the rows are {ref}")
            if list(table.column_names) != rows[header] or len({name.lower() for name in rows[header]}) < len(rows[header]):
                say(f"{path.name}, {sheet.title}: the table's columns are {table.column_names}")
    for name in names:
        if not TABLE.fullmatch(name) or CELL.fullmatch(name):
            say(f"{path.name}: {name} is no name of a table")
    if len({name.lower() for name in names}) < len(names):
        say(f"{path.name} has two tables of one name: {names}")
    return len(names)


def read_workbooks(folders, seen, say):
    """Every sheet by openpyxl, pandas, polars' reader and LibreOffice."""
    for folder in folders:
        for path in sorted(folder.glob("*.xlsx")):
            name = CUSTOMER.sub("-CUSTOMER-", MONTH.sub("MONTH", path.name))
            seen["tables", "workbooks", "a workbook"]["has some" if check_tables(path, say) else "has none"].append(str(path))
            reader = fastexcel.read_excel(str(path))
            for sheet, rows in cells(path):
                header = header_row(rows)
                if header is None:
                    continue
                body = [row for row in rows[header + 1:] if any(value is not None for value in row)]
                for place, title in enumerate(rows[header]):
                    values = [row[place] for row in body if row[place] is not None]
                    kinds = {type(value).__name__ for value in values} - {"NoneType"}
                    kinds = {"number" if one in ("int", "float") else one for one in kinds}
                    if len(kinds) > 1 and sheet.title != "Summary":
                        say(f"{path.name}, {sheet.title}, {title}: {sorted(kinds)}")
                    for one in kinds:
                        seen["openpyxl", f"{name} {sheet.title}", title][one].append(str(path))
                if not body or sheet.title == "Summary":
                    continue
                frame = reader.load_sheet(sheet.title, header_row=header).to_polars()
                for place, column in enumerate(frame.columns):
                    filled = sum(row[place] is not None for row in body)
                    if frame[column].len() - frame[column].null_count() < filled:
                        say(f"polars loses cells of {path.name}, {sheet.title}, {column}")
                    if filled:
                        key = "polars", f"{name} {sheet.title}", column
                        seen[key][kind(frame[column].dtype)].append(str(path))
                table = pandas.read_excel(path, sheet_name=sheet.title, header=header)
                for place, column in enumerate(table.columns):
                    filled = sum(row[place] is not None for row in body)
                    if int(table[column].notna().sum()) < filled:
                        say(f"pandas loses cells of {path.name}, {sheet.title}, {column}")


def header_row(rows):
    """The first row all of whose cells are filled, of more than one column."""
    for place, row in enumerate(rows[:12]):
        if len(row) > 1 and all(isinstance(value, str) for value in row):
            return place
    return None


def convert_workbooks(folders, say):
    """LibreOffice opens every workbook and writes its first sheet as it shows it."""
    with tempfile.TemporaryDirectory() as output:
        books = [str(path) for folder in folders for path in sorted(folder.glob("*.xlsx"))]
        subprocess.run(
            ["soffice", f"-env:UserInstallation=file://{output}/profile", "--headless", "--convert-to",
             'csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1', "--outdir", output]
            + books, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300)
        written = list(Path(output).glob("*.csv"))
        if len(written) < len({Path(book).name for book in books}):
            say(f"LibreOffice writes {len(written)} sheets of {len(books)} workbooks")
        for path in written:
            text = path.read_text(encoding="utf-8")
            for word in ("#VALUE!", "#NAME?", "Err:", "#REF!", "#DIV/0!"):
                if word in text:
                    say(f"LibreOffice shows {word} in {path.name}")


def main():
    """The command line."""
    warnings.simplefilter("ignore")
    folders = [Path(folder) for folder in sys.argv[1:]]
    found, seen = [], defaultdict(lambda: defaultdict(list))
    read_csv_files(folders, seen, found.append)
    read_workbooks(folders, seen, found.append)
    convert_workbooks(folders, found.append)
    for (reader, name, column), kinds in seen.items():
        if len(kinds) > 1:
            examples = ", ".join(f"{one} ({len(paths)}, {paths[0]})" for one, paths in sorted(kinds.items()))
            found.append(f"{reader} types {column} of {name} as {examples}")
    # What LibreOffice, DuckDB and the others do with infinity is why there is none.
    for folder in folders:
        for path in sorted(folder.rglob("*.csv")):
            columns, rows = raw(path)
            if any(value.lower() in ("inf", "-inf", "infinity", "nan") for row in rows for value in row):
                found.append(f"{path} has an infinity or a NaN")
    print(f"{len(seen)} columns")
    for line in found:
        print(line)
    sys.exit(2 if found else 0)


if __name__ == "__main__":
    main()
