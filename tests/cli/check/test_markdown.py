"""The pull request's comment: what is new and what is not, what it costs, and that nothing in it is markup."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from markdown_it import MarkdownIt

from cli.check.difference import difference
from cli.check.markdown import LIMIT, MARKER, code, comment, prose
from cli.check.report import Found, Mistake, Report
from cli.check.run import Checker
from policies.dispatch import Dispatcher
from policies.levels import current
from policies.rule import Resource, Rule
from tests.cli.check.golden.pulls import disown, finding, orders, prices, product, stack
from tests.conftest import TODAY, LittleMesh

NASTY = "a|b `c` <img src=x onerror=alert(1)> [d](https://e.example) **f** _g_ ~~h~~ $i$ @someone #12 &lt; \\ ![j](k)"


def rendered(text: str) -> str:
    """As CommonMark with tables: an independent reader of what GitHub extends."""
    return str(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(text))


def report(*findings: Found, **more: Any) -> Report:
    """Of one product in one stack."""
    return Report(**{"stacks": ("sales-dev",), "products": (product(),), "findings": findings, **more})


def verdict(head: Report, base: Report | None = None, fail_on: str = "") -> str:
    lines = comment(head, base, fail_on=fail_on).splitlines()
    assert lines[0] == MARKER
    return lines[1].removeprefix("### Meshwright ")


def test_the_first_visible_line_is_what_mesh_check_exits_with() -> None:
    low = finding(severity="low", level="advisory")
    assert verdict(report()) == "lets this pass: no findings"
    assert verdict(report(finding())) == "stops this: 1 finding"
    assert verdict(report(finding()), report()) == "stops this: 1 new finding"
    assert verdict(report(finding()), report(finding(line=90))) == "stops this: 1 finding from before, none new"
    two = (finding(), finding(rule="TST-02"))
    assert verdict(report(*two), report(finding())) == "stops this: 1 new finding, and 1 from before"
    assert verdict(report(low), report()) == "lets this pass: 1 new finding, only advisory"
    assert verdict(report(low), report(), fail_on="low") == "stops this: 1 new finding"
    assert verdict(report(finding(severity="medium")), report(), fail_on="high").startswith("lets this pass")
    assert verdict(report(finding(), mistakes=(Mistake(what="No."),)), report()) == "can't check this: 1 error"


@pytest.mark.parametrize("before", ["waived", "deferred", "advisory"])
def test_a_finding_that_did_not_stop_before_is_new(before: str) -> None:
    found = difference(report(finding()), report(finding(level=before)))
    assert [one.level for one in found.new] == ["mandatory"]
    assert found.fixed == found.kept == ()


@pytest.mark.parametrize("after", ["waived", "deferred"])
def test_a_finding_that_is_only_not_said_any_more_is_not_fixed(after: str) -> None:
    found = difference(report(finding(level=after)), report(finding()))
    assert found.new == found.fixed == found.kept == ()


def test_what_stops_less_is_not_new() -> None:
    assert difference(report(finding(level="advisory")), report(finding())).new == ()


@pytest.mark.parametrize("blind", ["head", "base"])
def test_a_stack_that_one_side_could_not_check_is_neither_fixed_nor_cheaper(blind: str) -> None:
    other = product(stack="stores-dev", name="stores/returns", monthly=5.0)
    whole = Report(stacks=("sales-dev", "stores-dev"), products=(product(), other), findings=(finding(),))
    half = Report(stacks=whole.stacks, products=(other,), mistakes=(Mistake(what="No."),))
    found = difference(half, whole) if blind == "head" else difference(whole, half)
    assert (found.fixed, found.costs) == ((), ())
    assert found.totals == (("USD", 5.0, 5.0),)
    assert found.blind == ("sales-dev",)
    assert "Not compared, because one side could not be checked: `sales-dev`" in comment(half, whole)


def test_products_that_come_and_go_are_costs() -> None:
    gone, come = product(), product(name="sales/returns", monthly=35.5, budget=None)
    head, base = Report(stacks=("sales-dev",), products=(come,)), Report(stacks=("sales-dev",), products=(gone,))
    text = comment(head, base)
    assert "| `sales/orders` | `sales-dev` | 20.00 USD | gone | -20.00 |  |" in text
    assert "| `sales/returns` | `sales-dev` | new | 35.50 USD | +35.50 | no budget |" in text
    assert "| **All products**, USD | | 20.00 | 35.50 | **+15.50** | |" in text


def test_what_has_no_price_is_never_said_to_cost_nothing() -> None:
    head = report(products=(product(monthly=1.0, unpriced=("a", "b")),))
    text = comment(head, report())
    assert "| 20.00 USD | 1.00 USD + 2 unpriced | at least -19.00 | at most 59.00 |" in text
    assert "| **at least -19.00** | |" in text
    assert "2 resources without a price." in text
    assert "| unknown | 40.00 |" in comment(report(), head)
    assert "cost at least 1.00 USD a month" in comment(head)


def test_currencies_are_not_added_up() -> None:
    head = report(products=(product(currency="EUR"), product(name="sales/b", monthly=7.0)))
    text = comment(head, report(products=(product(), product(name="sales/b", monthly=7.0))))
    assert "| 20.00 USD | 20.00 EUR | other currency | 40.00 |" in text
    assert "**All products**, EUR | | 0.00 | 20.00 | **+20.00**" in text
    assert "**All products**, USD | | 27.00 | 7.00 | **-20.00**" in text


def test_the_findings_of_one_fault_are_said_together() -> None:
    text = comment(report(*(finding(resource=f"orders--{name}") for name in "abcde")), report())
    assert "**5 new findings**" in text
    assert text.count("It is wrong") == 1
    assert "on `orders--a`, `orders--b`, `orders--c` and 2 more" in text


def test_waived_and_unknown_are_counted_and_new_notes_said() -> None:
    waits = finding(level="deferred", outcome="unknown", rule="TST-02")
    text = comment(
        report(finding(level="waived"), waits, notes=("old", "waiver 3 matched nothing")), report(notes=("old",))
    )
    assert "1 check can't be decided before `up`. 1 finding waived." in text
    assert "- waiver 3 matched nothing" in text
    assert "old" not in text


@pytest.mark.parametrize(
    "text", [NASTY, NASTY.replace("`", ""), "# 1", "1. x", "- x", "+ x", "==", "x `y", "a\nb\x00c"]
)
def test_prose_is_no_markup(text: str) -> None:
    page = rendered(f"- {prose(text)}\n")
    assert re.sub(r"<!-- -->|</?(ul|li|p|code)>", "", page).count("<") == 0
    plain = unescape(re.sub(r"<[^>]*>", "", page)).strip()
    visible = "".join(each if each.isprintable() else " " for each in text)
    assert plain == (visible if visible.count("`") % 2 else visible.replace("`", ""))
    assert "@s" not in page.replace("@<!-- -->s", "")
    assert "#12" not in page


@pytest.mark.parametrize("text", [NASTY, "a\\|b", "`", "``a`", "<!-- meshwright -->", "|", "plain-name"])
def test_a_name_stays_in_its_cell(text: str) -> None:
    page = rendered(f"| A | B |\n|---|---|\n| {code(text, cell=True)} | end |\n")
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert len(cells) == 2
    assert unescape(re.sub(r"</?code>", "", cells[0])) == text
    assert cells[1] == "end"
    page = rendered(code(text))
    assert unescape(re.sub(r"</?(code|p)>", "", page)).strip() == text


def test_a_nasty_report_makes_no_markup_of_its_own() -> None:
    nasty = finding(what=NASTY, fix=NASTY, resource=NASTY, product=NASTY, file=NASTY)
    head = Report(
        stacks=("sales-dev",),
        products=(product(name=NASTY, lines=((NASTY, 4.0),)),),
        findings=(nasty,),
        mistakes=(Mistake(what=NASTY, file=NASTY, line=3, hint=NASTY),),
        notes=(NASTY,),
    )
    page = rendered(comment(head, report(products=(product(name=NASTY, monthly=2.0),)), "https://forge.example/r"))
    tags = {tag.strip("</>").split()[0] for tag in re.findall(r"</?[a-z][^>]*>", page)}
    known = {"h3", "p", "ul", "li", "code", "strong", "a", "table", "thead", "tbody", "tr", "th", "td"}
    assert tags <= known | {"details", "summary"}
    assert re.findall(r'<a href="([^"]*)"', page) == ["https://forge.example/r"]
    assert page.count("<tr>") == 3 + 2


def test_it_stays_short_enough_and_says_what_was_cut() -> None:
    long = "x" * 3_000
    head = Report(
        stacks=tuple(f"s{n}-dev" for n in range(300)),
        products=tuple(product(stack=f"s{n}-dev", monthly=9.0, lines=((long, 1.0),)) for n in range(300)),
        findings=tuple(finding(rule=f"TST-{n}", what=long, fix=long, resource=long) for n in range(300)),
        mistakes=tuple(Mistake(what=long, file=long, line=n, hint=long) for n in range(300)),
        notes=tuple(f"{n} {long}" for n in range(300)),
    )
    base = Report(stacks=head.stacks, products=tuple(product(stack=f"s{n}-dev") for n in range(300)))
    text = comment(head, base, "https://forge.example/r")
    assert 50_000 < len(text) <= LIMIT
    cut = next(line for line in text.splitlines() if line.startswith("Left out of this comment for its length: "))
    for noun in ("errors", "products", "components", "groups of findings", "notes"):
        assert re.search(rf"\d {noun}[,.]", cut), noun
    assert text.endswith("[Full report](<https://forge.example/r>)\n")


@pytest.mark.parametrize(
    "url", ["https://f.example/a b>c", "https://f.example/r)\n![x](y)", "https://f.example/?a=1&b=2"]
)
def test_the_link_is_one_link(url: str) -> None:
    page = rendered(comment(report(), None, url))
    assert len(re.findall(r"<a href", page)) == 1
    assert "<img" not in page


def test_no_secret_value_is_in_it(little: LittleMesh) -> None:
    """A rule that quotes what it has seen, over a resource with a planted secret."""
    canary = "c4n4ry-7f3a9"

    def quotes(resource: Resource) -> str:
        return f"it says {resource.props.get('password')}"

    def breaks(resource: Resource) -> str:
        raise ValueError(f"no good: {resource.props}")

    loud = {
        number: Rule(
            id=f"TST-0{number}",
            name="loud-rule",
            severity="critical",
            what="It quotes",
            fix="Do not quote.",
            reads=("mesh:data:Product",),
            violated=violated,
            passes=(),
            fails=(),
        )
        for number, violated in enumerate((quotes, breaks))
    }
    stack(little, "sales-dev", "local")
    orders()(little)
    disown(little)
    checker = Checker(root=little.root, dispatcher=Dispatcher(tuple(loud.values()), current()), today=TODAY, only={})
    judge = checker.dispatcher.findings

    def planted(resource: Resource) -> Any:
        return judge(Resource(type=resource.type, name=resource.name, props={**resource.props, "password": canary}))

    with prices(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(checker.dispatcher, "findings", planted)
        head = checker.check(["sales-dev"])
    assert {found.rule for found in head.findings} == {"TST-00", "TST-01"}
    text = comment(head)
    assert "it says \\*\\*\\*" in text
    assert canary not in text + str(head.plain())
