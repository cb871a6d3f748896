"""The ledger: every claim once, every number from a record, and a page that says what is missing instead of failing."""
import re
import shutil

import pandas as pd
import pytest

from intriguing_lib import claims, ledger, records
from intriguing_lib.claims import CLAIMS
from intriguing_lib.course import ledger_page
from intriguing_lib.paths import CLONE

NOTEBOOKS = CLONE / "notebooks"


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A copy of the records, to be deleted or changed."""
    shutil.copytree(CLONE / "results", tmp_path / "results", ignore=shutil.ignore_patterns("figures", "*.safetensors"))
    for module in (records, claims):
        monkeypatch.setattr(module, "shipped", lambda folder: tmp_path / folder)
    return tmp_path / "results"


def page():
    table = ledger.ledger()
    parts = [ledger_page.claims_in_markdown(rows, NOTEBOOKS) for _, rows in table.groupby("statement", sort=False)]
    return "\n".join([ledger_page.statements_in_markdown(table, NOTEBOOKS), *parts])


def test_every_claim_belongs_to_one_statement():
    named = [name for statement in ledger.STATEMENTS for name in statement.claims]
    assert sorted(named) == sorted(CLAIMS)


def test_each_of_the_abstracts_seven_statements_has_a_verdict():
    abstract = [number for number, statement in enumerate(ledger.STATEMENTS) if statement.place.split(";")[0] == "abstract"]
    table = ledger.ledger()
    assert abstract == list(range(7))
    for number, rows in table.groupby("statement"):
        assert rows["decides"].any() and ledger.verdict_of(rows) and (rows["verdict"].str.len() > 0).all(), number
    assert not table["verdict"].str.startswith(ledger.NO_RECORD).any()


def test_recorded_effects_are_the_committed_verdicts():
    columns = ["claim", "data", "verdict", "effect", "low", "high", "seeds"]
    committed = claims.committed()
    alone = [name for name, claim in CLAIMS.items() if not claim.records]
    expected = committed[(committed["preset"] == "recorded") | committed["claim"].isin(alone)]
    found = ledger.ledger()[columns].sort_values(columns[:2]).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected[columns].sort_values(columns[:2]).reset_index(drop=True), check_exact=False,
                                  rtol=0, atol=2e-6, check_dtype=False)


def test_without_any_record_no_number_is_left_but_those_of_the_rules(results):
    shutil.rmtree(results)
    text = page()
    rules = {number for claim in CLAIMS.values() for words in (claim.rule, claim.quantity, claim.words)
             for number in re.findall(r"\d+\.\d+", words)}
    assert set(re.findall(r"\d+\.\d+", text)) <= rules and not re.search(r"\d+ seed", text)
    assert text.count(ledger.NO_RECORD) > len(CLAIMS)


def test_a_deleted_record_is_named_and_the_others_stay(results):
    before = ledger.ledger()
    (results / "random_bits.csv").unlink()
    after = ledger.ledger()
    gone = after["verdict"] == f"{ledger.NO_RECORD}: results/random_bits.csv is missing"
    assert set(after[gone]["claim"]) == {name for name, claim in CLAIMS.items() if "random_bits" in claim.records}
    pd.testing.assert_frame_equal(after[~gone].reset_index(drop=True),
                                  before[~before["claim"].isin(after[gone]["claim"])].reset_index(drop=True), check_dtype=False)
    (results / "authors_cells.csv").unlink()
    assert "no record" in ledger.STATEMENTS[4].number and "authors_cells" in page()


def test_a_number_on_the_page_changes_with_its_record(results):
    table = pd.read_csv(results / "random_bits.csv")
    table.loc[(table["condition"] == "shared") & (table["data.bits"] == 10), "linear"] += 0.25
    before = ledger.ledger().query("claim == 'ten bits suppress the digit'")["effect"].item()
    table.to_csv(results / "random_bits.csv", index=False)
    after = ledger.ledger().query("claim == 'ten bits suppress the digit'")["effect"].item()
    assert after == pytest.approx(before - 25) and f"{after:.2f} points" in page() and f"{before:.2f} points" not in page()


def test_the_papers_ranges_are_figure_1s():
    """By hand: ImageNet, three layers, 66.8 − 66.3 and 71.3 − 70.8; CIFAR-10, two, 87.7 − 85.1 and 93.9 − 93.4."""
    assert ledger.ranges_of_figure_1("ImageNet", 3) == "ImageNet, 3 layers: 0.5 points at 100 epochs, 0.5 at 800"
    assert ledger.ranges_of_figure_1("CIFAR-10", 2) == "CIFAR-10, 2 layers: 2.6 points at 100 epochs, 0.5 at 800"


def test_the_authors_numbers_stand_beside_ours_read_their_way():
    text = ledger.authors_table(0, 10)
    assert "τ = 0.2: 90 % with 0 bits" in text and "10 % with 10 bits" in text
    ours = records.recorded("authors_cells").query("`objective.temperature` == 0.2 and `data.bits` == 10")["along"].item()
    assert text.endswith(f"10 % with 10 bits ({100 * ours:.0f})")


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_is_linked_to_the_section_that_judges_it(name):
    anchor = ledger_page.section_of(name, NOTEBOOKS)
    assert anchor.startswith("#") and len(anchor) > 1
    assert ledger_page.section_of(name, NOTEBOOKS / "nowhere") == ""


def test_the_readme_names_each_claim_of_the_abstract_with_its_verdict_and_notebook_and_counts_the_others():
    table = ledger.ledger()
    lines = ledger_page.readme_in_markdown(table, "notebooks").splitlines()
    numbered = [line for line in lines if re.match(r"\d+\. \*\*", line)]
    assert len(numbered) == 7
    assert numbered[4].startswith("5. **holds**: a few bits") and "(notebooks/09_random_bits.ipynb)" in numbered[4]
    counts = [int(number) for number in re.findall(r"\d+", lines[-1])]
    assert counts[0] == sum(counts[1:]) == len(ledger.STATEMENTS) - 7
    verdicts = [ledger.verdict_of(rows) for number, rows in table.groupby("statement") if number >= 7]
    assert f"does not hold: {verdicts.count('does not hold')}" in lines[-1]
