#!/bin/bash
# xlsx2csv writes what a cell's format shows, not what the cell holds, and drops whole days of a duration.
#
# Versions: xlsx2csv 0.8.6, XlsxWriter 3.3.1, Python 3.11.
# Guess before the run: the stored values, 34.105263, 0.92554 and 1.75 days or 42:00:00.
# Seen: 34.11, 0.926 and 18:00. Sums of such a CSV differ from the workbook's, and an outage of 42 hours is one of 18.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q xlsx2csv==0.8.6 XlsxWriter==3.3.1
"$folder/venv/bin/python" - "$folder/month.xlsx" <<'P'
import sys
import xlsxwriter
book = xlsxwriter.Workbook(sys.argv[1])
sheet = book.add_worksheet("Month")
sheet.write_row(0, 0, ["usd", "attained", "outage"])
sheet.write_number(1, 0, 34.105263, book.add_format({"num_format": "0.00"}))
sheet.write_number(1, 1, 0.92554, book.add_format({"num_format": "0.0%"}))
sheet.write_number(1, 2, 1.75, book.add_format({"num_format": "[h]:mm:ss"}))
book.close()
P
seen=$("$folder/venv/bin/xlsx2csv" "$folder/month.xlsx")
expected='usd,attained,outage
34.11,0.926,18:00'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
