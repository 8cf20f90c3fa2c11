"""The document that says what labctl guarantees: docs/guarantees.md, whole or some guarantees in it."""

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

from guarantees_reached import ROOT, Case, Kept, cases_of, circumstances, reached, result, shortfalls, verdict
from guarantees_table import Guarantee

DOCUMENT = ROOT / "docs" / "guarantees.md"


def _begun(report: Path | None) -> str:
    """When the tests of a report were begun, if there is one."""
    suite = ElementTree.parse(report).find("testsuite") if report else None
    return "" if suite is None else f"tests begun {suite.get('timestamp', '')[:19]}, written "


def document(
    guarantees: list[Guarantee], cases: list[Case], kept: dict[str, Kept], report: Path | None = None
) -> str:
    """The page: a table, then where each guarantee is shown and what it falls short of."""
    verdicts = {g.name: verdict(g, cases, kept) for g in guarantees}
    counts = ", ".join(f"{list(verdicts.values()).count(v)} {v}" for v in dict.fromkeys(verdicts.values()))
    command = " ".join(["python bench/guarantees.py", *sys.argv[1:]])
    lines = [
        "# What labctl guarantees",
        "",
        f"Written by `{command}` ({_begun(report)}{circumstances()}), not by hand: {len(cases)} test cases were run, "
        f"{sum(case.passed for case in cases)} passed, {sum(case.skipped for case in cases)} skipped. {counts}.",
        "",
        "*Held*: every test of the guarantee and every planted fault behaved as it should, and nothing is known to be "
        "missing. *Held in part*: the tests pass, but show less than was wanted, as said below the table. *Not shown*: "
        "there is no test, so nothing is claimed. *FAILED*: a test, or the last run of a long form, found a case "
        "in which it does not hold. A planted fault is a mistake made on purpose that the tests have to "
        "find. Everything is shown on simulated instruments, in processes of their own where processes are killed. "
        "labctl is not a rated safety function.",
        "",
        "| | Guarantee | | Reached |",
        "|---|---|---|---|",
    ]
    lines += [_row(g, cases, kept) for g in guarantees]
    for guarantee in guarantees:
        lines += ["", *_section(guarantee, cases, kept)]
    return "\n".join([*lines, "", *_long_forms(kept)]) + "\n"


def renewed(page: str, guarantees: list[Guarantee], cases: list[Case], kept: dict[str, Kept]) -> str:
    """A page with some guarantees written anew, each with when that was; the others stay as they are."""
    when = f"Tests run {circumstances()}."
    for guarantee in guarantees:
        row, section = _row(guarantee, cases, kept), "\n".join([*_section(guarantee, cases, kept), "", when])
        page = _put(page, rf"^\| \[{guarantee.name}\].*?$", row)
        page = _put(page, rf"^## {guarantee.name}\n.*?(?=^## )", f"{section}\n\n")
    verdicts = re.findall(
        r"^\| \[G\d+\].* \| (held|held in part|not shown|FAILED) \|", page, flags=re.MULTILINE
    )
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in dict.fromkeys(verdicts))
    page = _put(page, r" skipped\. [^\n]*\.$", f" skipped. By now: {counts}.")
    return page.partition("## Long forms")[0] + "\n".join(_long_forms(kept)) + "\n"


def _put(page: str, pattern: str, words: str) -> str:
    """The page with what a pattern finds replaced by words, whatever is in them."""
    return re.sub(pattern, words.replace("\\", "\\\\"), page, count=1, flags=re.MULTILINE | re.DOTALL)


def _row(guarantee: Guarantee, cases: list[Case], kept: dict[str, Kept]) -> str:
    name, found = guarantee.name, verdict(guarantee, cases, kept)
    return f"| [{name}](#{name.lower()}) | {guarantee.words} | {found} | {reached(guarantee, cases, kept)} |"


def _long_forms(kept: dict[str, Kept]) -> list[str]:
    lines = ["## Long forms", "", "All that they printed is in `bench/results`.", ""]
    return lines + [f"- {name}: `{found.header}`: {result(name, found)}" for name, found in kept.items()]


def _section(guarantee: Guarantee, cases: list[Case], kept: dict[str, Kept]) -> list[str]:
    lines = [f"## {guarantee.name}", ""]
    for title, nodes in (("Shown by", guarantee.tests), ("Planted faults", guarantee.planted)):
        if nodes:
            lines += [f"{title}:", "", *(_named(node, cases) for node in nodes), ""]
    falls_short = " ".join(shortfalls(guarantee, cases, kept))
    return [*lines, f"Falls short: {falls_short or 'nothing known.'}"]


def _named(node: str, cases: list[Case]) -> str:
    found = cases_of(node, cases)
    return f"- `tests/{node}` ({sum(case.passed for case in found)} of {len(found)})"
