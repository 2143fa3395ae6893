#!/usr/bin/env python3
"""Tests of what the benchmarks are made of, without a server: `Benchmarks/test_benchmarks.py`."""

import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import agreement  # noqa: E402
import cluster  # noqa: E402
import distributed  # noqa: E402
import measuring  # noqa: E402
import results  # noqa: E402

OURS = """\ufeffaccount,model,clock,good,late,failed,timed_out,cancelled_late,in_flight_over,excluded,undetermined,\
p50_seconds,p90_seconds,p95_seconds,p99_seconds,max_seconds
,sora-2,accept,9,9,9,9,9,9,9,9,9,9,9,9,9
,sora-2,dispatch,3,0,1,0,0,0,0,0,1.001,2.000,,,
customer1,sora-2,dispatch,3,0,1,0,0,0,0,0,1.001,2.000,,,
"""
THEIRS = """slug,model,good,late,failed,timed_out,in_flight_over,excluded,p50,p90,p95,p99,max
"",sora-2,3,0,1,0,0,0,1000001,2000000,,,
customer1,sora-2,3,0,1,0,0,0,1000001,2000000,,,
"""
ROW = (
    "1,customer1,sora-2,2,0,2026-10-01T00:00:00.120000+00:00,2026-10-01T00:00:00.120000+00:00,{},{},succeeded,,good,\n"
)


class Agreement(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.ours, self.theirs = Path(folder.name) / "ours", Path(folder.name) / "theirs"

    def compared(self, ours=OURS, theirs=THEIRS, tasks=4):
        self.ours.write_text(ours)
        self.theirs.write_text(theirs)
        return agreement.of_completion(self.ours, self.theirs, tasks)

    def refused(self, sentence, **changes):
        with self.assertRaises(SystemExit) as stopped:
            self.compared(**changes)
        self.assertIn(sentence, str(stopped.exception))

    def test_a_report_and_a_script_that_agree_are_measured(self):
        self.assertEqual(self.compared(), 1)

    def test_every_difference_stops_with_a_sentence(self):
        last = THEIRS.splitlines()[-1]
        for change, sentence in {
            last.replace(",3,0,1", ",2,0,1"): "of customer1 and sora-2, good is 3 in the report and 2 in the script",
            last.replace("1000001", "1001001"): "p50 is 1.001 in the report and 1.002 in the script",
            last.replace("2000000,", ","): "p90 is 2.000 in the report and empty in the script",
            last.replace("customer1", "customer2"): "customer1 and sora-2 is in the report alone",
        }.items():
            self.refused(sentence, theirs=THEIRS.replace(last, change))
        self.refused("the report counts 4 tasks, and COPY gives 5", tasks=5)
        both = ("customer1,sora-2,dispatch,3", "customer1,sora-2,dispatch,2"), (
            "customer1,sora-2,3",
            "customer1,sora-2,2",
        )
        self.refused(
            "good is 3 over all, and 2 summed over the customers",
            ours=OURS.replace(*both[0]),
            theirs=THEIRS.replace(*both[1]),
        )

    def test_rows_of_tasks_are_compared_whatever_the_form_of_their_instants(self):
        head = ",".join(["h"] * 13) + "\n"
        copied = "1,customer1,sora-2,2,0,2026-10-01 00:00:00.12+00,2026-10-01 00:00:00.12+00,{},{},succeeded,,good,\n"
        self.ours.write_text("\ufeff" + head + ROW.format("2026-10-01T00:00:10.120000+00:00", "10.000"))
        self.theirs.write_text(head + copied.format("2026-10-01 00:00:10.12+00", "10.000000"))
        self.assertEqual(agreement.of_tasks(self.ours, self.theirs), 1)
        for end, seconds in [("2026-10-01 00:00:10.12+00", "10.000001"), ("2026-10-01 00:00:10.13+00", "10.000000")]:
            self.theirs.write_text(head + copied.format(end, seconds))
            with self.assertRaises(SystemExit):
                agreement.of_tasks(self.ours, self.theirs)
        self.theirs.write_text(head)
        with self.assertRaisesRegex(SystemExit, "what COPY gives ends|tasks.csv ends|COPY"):
            agreement.of_tasks(self.ours, self.theirs)


class Measuring(unittest.TestCase):
    def series(self, **seconds):
        values = {name: iter(times) for name, times in seconds.items()}
        return measuring.Series(
            {name: lambda name=name: measuring.Run(*next(values[name])) for name in seconds},
            len(next(iter(seconds.values()))),
        )

    def test_a_ratio_is_the_median_of_the_ratios_of_each_turn(self):
        series = self.series(ours=[(1, 0, 0), (4, 0, 0), (6, 0, 0)], COPY=[(2, 0, 0), (1, 0, 0), (4, 0, 0)])
        # The turns' are 0.5, 4 and 1.5; that of the medians would be 2.
        self.assertEqual(series.ratio("ours", "COPY"), 1.5)

    def test_parts_of_a_turn_are_one_command_that_takes_as_long_as_all_of_them(self):
        series = self.series(
            whole=[(3, 1, 9), (8, 1, 9)], first=[(1, 2, 30), (3, 2, 30)], second=[(2, 3, 40), (1, 3, 50)]
        )
        series.together("parts", ["first", "second"])
        self.assertEqual(series.runs["parts"], [measuring.Run(3, 5, 40), measuring.Run(4, 5, 50)])
        self.assertEqual(series.ratio("whole", "parts"), 1.5)

    def test_a_command_that_takes_too_long_is_stopped_once_and_reaches_no_goal(self):
        started = []

        def long():
            started.append(None)
            return measuring.measure(["sleep", "60"], patience=0.05)

        series = measuring.Series({"ours": long, "COPY": lambda: measuring.Run(1, 0, 0)}, 3)
        line = results.timed("a line", series, "ours", "COPY", 1)
        self.assertEqual(len(started), 1)
        self.assertTrue(line.ours.startswith("over ") and line.ratio.startswith("over "))
        self.assertFalse(line.is_reached)

    def test_a_stopped_command_shows_no_peak_below_a_bound(self):
        self.assertTrue(results.peak("a line", 100, 150).is_reached)
        self.assertIsNone(results.peak("a line", 100, 150, is_whole=False).is_reached)
        self.assertFalse(results.peak("a line", 160, 150, is_whole=False).is_reached)

    def test_a_run_that_does_not_fit_is_refused_with_what_it_needs(self):
        with self.assertRaisesRegex(SystemExit, "needs 1000000 GB in /tmp .* make room, or take a smaller BENCH_SCALE"):
            cluster.require_room(1_000_000, "a while")


class Results(unittest.TestCase):
    def test_every_file_of_results_has_the_one_form(self):
        files = sorted(HERE.glob("*.md"))
        self.assertTrue(files)
        for file in files:
            self.assertRegex(file.name, r"^results(-[a-z]+)?\.md$")
            labels = re.findall(r"^- (\w+): \S", file.read_text().partition("\n## Remarks\n")[0], re.MULTILINE)
            self.assertEqual(labels, ["Machine", "Commit", "Date", "Server", "Data", "Way"], file.name)
            self.assertRegex(file.read_text(), r"\n- Date: \d{4}-\d{2}-\d{2}\n", file.name)

    def test_the_machine_says_cores_model_and_memory(self):
        self.assertRegex(results.machine(), rf"^{os.cpu_count()} cores, .+, \d+ GB of memory$")


class Distributed(unittest.TestCase):
    def test_without_a_coordinator_its_line_says_so(self):
        os.environ.pop(distributed.VARIABLE, None)
        self.assertIsNone(distributed.coordinator())
        line = distributed.not_measured()
        self.assertEqual(line.cells(), [distributed.NAME, "not measured", "", "", "at most 2", ""])


if __name__ == "__main__":
    unittest.main()
