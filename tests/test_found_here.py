"""What this machine's runs say of a claim: counted where their settings are a record's, and judged where they suffice."""
import pytest
import torch

from intriguing_lib import cache, found_here
from intriguing_lib.claims import CLAIMS, judge_record
from intriguing_lib.found_here import ONE_SEED
from intriguing_lib.found_here import found_here as of_claim
from intriguing_lib.records import recorded

NAME, DATA = "ten bits suppress the digit", "RandBits of digits"


@pytest.fixture
def keep():
    """Puts rows of a record into this test's cache, as if they had been trained here."""

    def keeping(rows, study="random_bits", **changed):
        rows = [{column: value for column, value in row.items() if value == value} | changed | {"key": f"{i:020x}"}
                for i, row in enumerate(rows.astype(object).to_dict("records"))]
        for row in rows:
            cache.save(row["key"], {}, {"losses": torch.zeros(1)})
        cache.save_study(study, rows)
        return rows

    return keeping


def the_two(past):
    return past[(past["condition"] == "shared") & past["data.bits"].isin((0, 10))]


def test_an_empty_cache_says_nothing():
    assert of_claim(NAME) == {}


def test_all_of_the_record_gives_its_own_verdict(keep):
    keep(recorded("random_bits"))
    (verdict,), found = judge_record(NAME), of_claim(NAME)[DATA]
    assert found["yours"] == pytest.approx(verdict.effect) and found["yours_seeds"] == verdict.seeds
    assert (found["yours_low"], found["yours_high"]) == pytest.approx((verdict.low, verdict.high))
    assert found["yours_verdict"] == verdict.verdict


def test_the_settings_that_the_effect_is_made_of_suffice(keep):
    keep(the_two(recorded("random_bits")).query("seed < 3"))
    found = of_claim(NAME)[DATA]
    assert found["yours_seeds"] == 3 and found["yours_verdict"] == "holds"


def test_one_seed_has_an_effect_and_no_verdict(keep):
    rows = the_two(recorded("random_bits")).query("seed == 0")
    keep(rows)
    found = of_claim(NAME)[DATA]
    points = 100 * rows.set_index("data.bits")["linear"]
    assert found["yours"] == pytest.approx(points[0] - points[10]) and found["yours_verdict"] == ONE_SEED


def test_seeds_that_one_setting_lacks_are_left_out(keep):
    two = the_two(recorded("random_bits"))
    keep(two[(two["seed"] < 2) | (two["data.bits"] == 0)])
    assert of_claim(NAME)[DATA]["yours_seeds"] == 2


def test_too_few_settings_are_counted_and_not_judged(keep):
    past = recorded("random_bits")
    keep(past[(past["condition"] == "shared") & (past["data.bits"] == 10)])
    assert of_claim(NAME)[DATA] == {"yours_verdict": "1 of its 30 settings"}


def test_runs_of_other_settings_are_not_counted(keep):
    keep(the_two(recorded("random_bits")), steps=8)
    assert of_claim(NAME) == {}


def test_forgotten_runs_are_not_counted(keep):
    for row in keep(the_two(recorded("random_bits"))):
        cache.remove(row["key"])
    assert of_claim(NAME) == {}


def test_a_number_in_words_or_not_is_the_same_setting():
    assert found_here.plain(2) == found_here.plain(2.0) == "2.0" and found_here.plain(True) == "True"
    assert found_here.plain(float("nan")) == found_here.plain(None) == ""
    assert found_here.plain("Experiment 0123456789ab") == found_here.plain("Experiment ba9876543210")


@pytest.mark.parametrize("name", [name for name, claim in CLAIMS.items() if len(claim.records) == 1])
def test_whatever_is_recorded_can_be_yours(name, keep):
    """The record as this machine's runs gives the record's effects and verdicts, whatever the claim's statistic."""
    (study,) = CLAIMS[name].records
    keep(recorded(study), study)
    found = of_claim(name)
    for verdict in judge_record(name):
        assert found[verdict.data]["yours"] == pytest.approx(verdict.effect), verdict.data
        assert found[verdict.data]["yours_verdict"] == verdict.verdict


@pytest.mark.parametrize("name", found_here.LIVE)
def test_a_claim_judged_on_own_runs_is_judged_on_unseen_seeds(name, keep):
    """The record's settings with seeds 5 to 7, as its notebook trains them."""
    past = recorded("temperature_weight")
    keep(past[past["seed"] < 3].assign(seed=lambda rows: rows["seed"] + 5), "temperature_weight")
    (found,) = of_claim(name).values()
    assert found["yours_seeds"] == 3 and found["yours"] > 1
