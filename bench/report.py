# SPDX-License-Identifier: Apache-2.0
"""What a bench says: a table with each figure beside its bar, the same as JSON, and a plot.

A bench's main is `main(run, __doc__, ...)`: options that all of them share, a folder that is gone
at the end whatever happens, and an exit code that says whether a bar was missed.
"""

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys
import tempfile
import time


@dataclasses.dataclass(frozen=True)
class Bar:
    """A limit that a figure must keep; `at_least`: must reach."""
    limit: float
    at_least: bool

    def met(self, value):
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self):
        return f"{'≥' if self.at_least else '≤'} {number(self.limit)}"


def at_least(limit):
    return Bar(limit, True)


def at_most(limit):
    return Bar(limit, False)


def number(value):
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def say(text):
    print(text, file=sys.stderr, flush=True)


class Report:
    def __init__(self, name, options):
        self.name = name
        self.options = {key: value for key, value in vars(options).items()
                        if key not in ("build", "out")}
        self.out = options.out or os.path.join(options.build, "bench")
        self.load_before = os.getloadavg()[0]
        self.rows = []
        self.details = {}  # of the JSON only
        os.makedirs(self.out, exist_ok=True)

    def add(self, what, value, unit="", bar=None):
        row = {"what": what, "value": value, "unit": unit}
        if bar is not None:
            row.update(bar=str(bar), met=bar.met(value))
        self.rows.append(row)
        return value

    def add_rounds(self, what, values, unit="", bar=None):
        """The median of several rounds, with the least and the most."""
        value = self.add(what, statistics.median(values), unit, bar)
        self.rows[-1].update(least=min(values), most=max(values), rounds=values)
        return value

    def machine(self):
        return f"{platform.machine()}, {os.cpu_count()} cores, {platform.release()}"

    def path(self, suffix):
        return os.path.join(self.out, f"{self.name}.{suffix}")

    def write_plot(self, svg):
        with open(self.path("svg"), "w", encoding="utf-8") as file:
            file.write(svg)

    def finish(self):
        """Prints and writes everything; 1 if a bar was missed."""
        report = {"bench": self.name, "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                  "machine": self.machine(), "load": [self.load_before, os.getloadavg()[0]],
                  "options": self.options, "rows": self.rows, **self.details}
        with open(self.path("json"), "w", encoding="utf-8") as file:
            json.dump(report, file, indent=1)
        print(table(self.rows))
        missed = [row for row in self.rows if row.get("met") is False]
        print(f"{'met' if not missed else f'{len(missed)} missed'}; load {self.load_before:.1f}"
              f" … {report['load'][1]:.1f}; written: {self.path('json')}")
        return 1 if missed else 0


def table(rows):
    """Aligned: what was measured, over several rounds how far it spread, its bar, whether met."""
    cells = [("", "median", "", "least … most", "bar", "")]
    for row in rows:
        spread = f"{number(row['least'])} … {number(row['most'])}" if "least" in row else ""
        verdict = {True: "met", False: "MISSED", None: ""}[row.get("met")]
        cells.append((row["what"], number(row["value"]), row["unit"], spread, row.get("bar", ""),
                      verdict))
    if not any(cell[3] for cell in cells[1:]):
        cells = [("", "measured", "", "", "bar", "")] + cells[1:]
    widths = [max(len(cell[column]) for cell in cells) for column in range(6)]
    return "\n".join(
        f"{what:{widths[0]}}  {value:>{widths[1]}} {unit:{widths[2]}}  {spread:>{widths[3]}}"
        f"  {bar:>{widths[4]}}  {verdict}".rstrip()
        for what, value, unit, spread, bar, verdict in cells)


def parser(doc):
    options = argparse.ArgumentParser(description=doc,
                                      formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--build", default="build/release")
    options.add_argument("--out", help="where to write NAME.json and NAME.svg (BUILD/bench)")
    options.add_argument("--quick", action="store_true",
                         help="small and short, to see that it works: figures say little")
    return options


def main(name, run, options):
    """Calls run(report, options, folder): a folder on disk for data."""
    report = Report(name, options)
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=report.out) as folder:
        run(report, options, folder)
    return report.finish()
