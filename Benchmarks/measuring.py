"""Commands that are timed in turn, and the ratios of what was measured in the same turn."""

import os
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

RUNS = 3


@dataclass(frozen=True)
class Run:
    """What one command took. One that was stopped for its length has taken at least that. The peak is the largest
    resident set, and never less than that of this benchmark itself, from which the command begins."""

    seconds: float
    processor_seconds: float
    peak_megabytes: float
    was_stopped: bool = False


def say(text):
    print(text, file=sys.stderr, flush=True)


def end_of(process, patience):
    """Waits for a process, and gives its resource usage and whether it had to be stopped because it took longer."""
    stopped = threading.Event()

    def stop():
        stopped.set()
        process.terminate()

    # Whoever does not heed being asked is killed a minute later.
    timers = [threading.Timer(patience, stop), threading.Timer(patience + 60, process.kill)] if patience else []
    for timer in timers:
        timer.daemon = True
        timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    finally:
        for timer in timers:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage, stopped.is_set()


def measure(
    command, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, patience=None, is_fine=lambda status: status == 0
):
    """Runs a command to its end, or for so many seconds; raises where it fails."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdin=stdin, stdout=stdout)
    usage, was_stopped = end_of(process, patience)
    seconds = time.perf_counter() - started
    if not was_stopped and not is_fine(process.returncode):
        raise subprocess.CalledProcessError(process.returncode, command)
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, was_stopped)


def measure_pipe(source, sink, patience=None):
    """Runs `source | sink`; raises where either fails."""
    started = time.perf_counter()
    with subprocess.Popen(source, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as producer:
        run = measure(sink, stdin=producer.stdout, patience=patience)
    if not run.was_stopped and producer.returncode != 0:
        raise subprocess.CalledProcessError(producer.returncode, source)
    return Run(time.perf_counter() - started, run.processor_seconds, run.peak_megabytes, run.was_stopped)


class Series:
    """The runs of several commands, in turn, so that what disturbs the machine disturbs them all. A command that had
    to be stopped is not run again."""

    def __init__(self, commands, runs=RUNS):
        self.runs = {name: [] for name in commands}
        for number in range(1, runs + 1):
            for name, command in commands.items():
                if self.was_stopped(name):
                    continue
                run = command()
                self.runs[name].append(run)
                ending = ", stopped" if run.was_stopped else f", {run.peak_megabytes:.0f} MB"
                say(
                    f"  {name}, run {number} of {runs}: {run.seconds:.2f} s, "
                    f"its processor time {run.processor_seconds:.2f} s{ending}"
                )

    def together(self, name, parts):
        """Several commands of a turn, one after the other, as if they were one."""
        turns = zip(*(self.runs[part] for part in parts))
        self.runs[name] = [
            Run(
                sum(run.seconds for run in turn),
                sum(run.processor_seconds for run in turn),
                max(run.peak_megabytes for run in turn),
                any(run.was_stopped for run in turn),
            )
            for turn in turns
        ]

    def was_stopped(self, name):
        return any(run.was_stopped for run in self.runs[name])

    def seconds(self, name):
        return statistics.median(run.seconds for run in self.runs[name])

    def ratio(self, ours, baseline):
        """The median of the ratios of each turn."""
        # What was stopped has fewer runs; each stands against the baseline of its own turn.
        pairs = list(zip(self.runs[ours], self.runs[baseline]))
        if self.was_stopped(ours):
            pairs = pairs[-1:]
        return statistics.median(run.seconds / other.seconds for run, other in pairs)

    def peak_megabytes(self, *names):
        return max(run.peak_megabytes for name in names for run in self.runs[name])
