"""Shapley values of fields: who says it gets it, and all add up."""

import json
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from test_cross_validation import FIELDS, MAIN, OTHERS, SMALL, lean, small_records

from icdbase import CCL26, IcdCoder, make_records, write_records
from icdbase.cli.experiments import ablate as ablate_command
from icdbase.core.errors import DataError, UsageError
from icdbase.evaluation.baselines import majority_predictions
from icdbase.evaluation.resampling import bootstrap_interval
from icdbase.evaluation.standard_errors import corrected_error, records_needed
from icdbase.experiments import trials
from icdbase.experiments.cross_validation import cross_validate
from icdbase.experiments.exports import write_shapley
from icdbase.experiments.players import as_coder, expand_players, read_groups_of_fields
from icdbase.experiments.shapley import shapley
from icdbase.experiments.shapley_text import paper_sentences, shapley_text
from icdbase.learning.folds import make_folds
from icdbase.learning.user_system import SystemCoder
from icdbase.report.shapley_html import shapley_html

SAYS = {"胸痛": "I20.000", "心悸": "I48.x02", "口渴": "E11.900", "肥胖": "E78.500", "早搏": "I49.900"}


class Reader:
    """A user's own estimator: codes are read off words, whatever the field; without such a word the most frequent codes."""

    def fit(self, records):
        self.usual = majority_predictions(records, records.iloc[:1], SMALL).iloc[0]
        return self

    def predict(self, records):
        texts = records[list(SMALL.text_fields)].agg("".join, axis=1)
        found = [[code for word, code in SAYS.items() if word in text] for text in texts]
        main = [next((code for code in codes if code in SMALL.main.codes), self.usual[MAIN]) for codes in found]
        others = [tuple(code for code in codes if code in SMALL.others.codes) or self.usual[OTHERS] for codes in found]
        return pd.DataFrame({MAIN: main, OTHERS: others}, index=records.index)


class Guesser:
    """Votes of words for main codes; the other codes are always the same."""

    def fit(self, records):
        self.votes = Counter((word, code) for words, code in zip(self.words(records), records[MAIN], strict=True) for word in words)
        return self

    def predict(self, records):
        main = [max(SMALL.main.codes, key=lambda code, words=words: sum(self.votes[word, code] for word in words))
                for words in self.words(records)]
        return pd.DataFrame({MAIN: main, OTHERS: [("E11.900",)] * len(main)}, index=records.index)

    @staticmethod
    def words(records):
        return ["，".join(texts).split("，") for texts in zip(*(records[field] for field in FIELDS), strict=True)]


def twins(n, seed):
    """Records whose first and second field say the same; the third is chance."""
    records = small_records(n, seed, telling="乙栏")
    return records.assign(甲栏=records["乙栏"])


def reader(records, **options):
    return shapley(SystemCoder(Reader(), task=SMALL), records, n_folds=2, n_jobs=1, **options)


@pytest.fixture(scope="module")
def of_twins():
    return reader(twins(40, 0))


def gained(result, score):
    return result.value(score, of_all=True) - result.value(score, of_all=False)


@pytest.fixture(scope="module")
def found():
    """A real coder: three fields, of which one tells."""
    return shapley(lean(), small_records(40, 0, telling="乙栏"), n_folds=2, n_repeats=2, n_jobs=1)


# --- what it finds --------------------------------------------------------------------


@pytest.mark.parametrize("score", ["acc", "main_accuracy", "other_f1"])
def test_identical_fields_get_half_each_and_leaving_one_out_gives_them_nothing(of_twins, score):
    rows = of_twins.of(score).set_index("player")
    half = gained(of_twins, score) / 2
    assert half > 0.1
    assert rows.loc[["甲栏", "乙栏"], "shapley"].tolist() == pytest.approx([half, half], abs=1e-12)
    assert rows.loc[["甲栏", "乙栏"], "last"].tolist() == [0, 0]
    assert rows.loc[["甲栏", "乙栏"], "alone"].tolist() == pytest.approx([2 * half, 2 * half], abs=1e-12)


def test_identical_fields_are_the_pair_that_repeats(of_twins):
    pairs = of_twins.pairs[of_twins.pairs["score"] == "acc"].set_index(["first", "second"])
    assert pairs.loc[("甲栏", "乙栏"), "interaction"] == pytest.approx(-gained(of_twins, "acc"), abs=1e-12)
    assert pairs.loc[("甲栏", "乙栏"), "interaction_high"] < 0


def test_a_real_coder_shares_between_identical_fields_too():
    result = shapley(lean(thinned_share=0.0), twins(50, 1), n_folds=2, n_jobs=1)
    rows = result.of("main_accuracy").set_index("player")
    assert rows.loc["甲栏", "shapley"] == pytest.approx(rows.loc["乙栏", "shapley"], abs=0.03)
    assert rows.loc["甲栏", "shapley"] > 0.15 > abs(rows.loc["丙栏", "shapley"])


def test_the_only_field_that_tells_gets_all():
    result = reader(small_records(40, 0, telling="乙栏"))
    for score in result.scores:
        shares = result.of(score).set_index("player")["shapley"]
        assert shares["乙栏"] == pytest.approx(gained(result, score), abs=1e-12)
        assert shares[["甲栏", "丙栏"]].tolist() == pytest.approx([0, 0], abs=1e-12)


def test_a_field_that_is_empty_in_all_records_gets_nothing():
    records = small_records(20, 0, telling="乙栏").assign(甲栏="")
    rows = shapley(lean(fields=FIELDS[:2], thinned_share=0), records, n_folds=2, n_jobs=1).of("acc").set_index("player")
    assert rows.loc["甲栏", ["shapley", "alone", "last"]].tolist() == pytest.approx([0, 0, 0], abs=1e-12)


def test_values_add_up_to_the_last_digit(found, of_twins):
    for result in (found, of_twins):
        for score in result.scores:
            shares = result.of(score)["shapley"]
            assert sum(shares) == sum(shares[::-1]) == shares.sum() == gained(result, score)


def test_all_together_is_the_coder_of_cross_validation(found):
    plain = cross_validate(lean(), small_records(40, 0, telling="乙栏"), n_folds=2, n_repeats=2, n_jobs=1)
    assert found.value("acc", of_all=True) == pytest.approx(plain.scores.acc, abs=1e-12)
    assert found.value("other_f1", of_all=True) == pytest.approx(plain.scores.other_f1, abs=1e-12)


def test_the_official_score_is_shared_as_its_parts_are(found):
    acc, main, others = (found.of(score).set_index("player")["shapley"] for score in found.scores)
    assert acc.tolist() == pytest.approx((0.5 * main + 0.5 * others).loc[acc.index].tolist(), abs=1e-9)


def test_shuffled_labels_give_intervals_that_cover_zero():
    """95 % intervals for three fields over ten seeds; main codes are balanced, so that a guess is as good as the majority."""
    missed = []
    for seed in range(10):
        records = small_records(40, seed, telling="乙栏")
        records[MAIN] = np.random.default_rng(seed).permutation(list(SMALL.main.codes) * 20)
        result = shapley(SystemCoder(Guesser(), task=SMALL), records, n_folds=2, random_state=seed, n_jobs=1)
        rows = result.of("main_accuracy")
        missed += ((rows["shapley_low"] > 0) | (rows["shapley_high"] < 0)).tolist()
    assert len(missed) == 30 and sum(missed) <= 5


# --- with fewer coalitions than all ---------------------------------------------------


@pytest.fixture(scope="module")
def seven():
    """Seven groups of the fields of ccl25, as a real task has them."""
    records = make_records(20, random_state=0)
    groups = {"histories": ["既往史", "个人史", "婚姻史", "家族史"], "departure": ["出院情况", "出院医嘱"]}
    return records, groups


class Lengths:
    """Fast: a code for each length of text."""

    def fit(self, records):
        self.codes = sorted(records[MAIN].unique())
        return self

    def predict(self, records):
        n_characters = records[[*IcdCoder().task.text_fields]].map(len).sum(axis=1)
        main = [self.codes[n % len(self.codes)] for n in n_characters]
        return pd.DataFrame({MAIN: main, OTHERS: [()] * len(main)}, index=records.index)


def test_a_budget_is_kept_and_a_continued_run_is_the_same(seven, tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "code_version", lambda: "0.0.0+test")
    records, groups = seven
    coder, options = SystemCoder(Lengths()), {"n_folds": 2, "n_jobs": 1, "budget": 40, "max_error": 1e-6}
    whole = shapley(coder, records, groups, **options)
    assert len(whole.players.names) == 7 and len(whole.coalitions) == 40 and not whole.is_exact
    assert (whole.of("acc")["sampling_error"] > 0).all()
    plain, n_jobs = trials._run_job, []

    def interrupted(*job):
        n_jobs.append(1)
        if len(n_jobs) > 45:
            raise KeyboardInterrupt
        return plain(*job)

    with monkeypatch.context() as patch:
        patch.setattr(trials, "_run_job", interrupted)
        with pytest.raises(KeyboardInterrupt):
            shapley(coder, records, groups, folder=tmp_path, **options)
    kept = list(tmp_path.glob("cells/*.json"))
    assert 30 < len(kept) < 78
    resumed = shapley(coder, records, groups, folder=tmp_path, **options)
    assert json.dumps(resumed.to_dict()) == json.dumps(whole.to_dict())


def test_it_stops_when_the_sampling_error_is_small(seven):
    records, groups = seven
    result = shapley(SystemCoder(Lengths()), records, groups, n_folds=2, n_jobs=1, budget=34, max_error=1.0)
    sizes = result.coalitions["n_players"]
    assert len(sizes) == 34
    assert sizes.between(3, 4).sum() == 2 * 2  # two rounds of one pair each, then players two by two
    assert (sizes == 2).sum() == 34 - 16 - 4 - 2


@pytest.mark.parametrize(("budget", "max_error", "message"), [
    (15, 0.005, "a budget of 15 coalitions is too small for 7 players; it must be 16 at least, and 128 make"),
    (40, 0, "max_error must be above 0, got 0"),
])
def test_impossible_budgets(seven, budget, max_error, message):
    with pytest.raises(UsageError, match=message):
        shapley(SystemCoder(Lengths()), *seven, budget=budget, max_error=max_error)


# --- intervals and errors -------------------------------------------------------------


def test_intervals_are_those_of_the_records_shares(of_twins):
    """Of two identical fields, each gets half of what a record gains; the interval is that of these halves."""
    records = twins(40, 0)
    folds = make_folds(records, SMALL, 2, [0, 0])
    usual = pd.concat([majority_predictions(records[folds != fold], records[folds == fold], SMALL) for fold in (0, 1)])
    halves = (1 - usual.loc[records.index, MAIN].eq(records[MAIN])) / 2
    row = of_twins.of("main_accuracy").set_index("player").loc["甲栏"]
    assert [row["shapley_low"], row["shapley_high"]] == pytest.approx(bootstrap_interval(halves, n_bootstrap=2000), abs=1e-9)
    assert row["records_error"] == pytest.approx(halves.std() / np.sqrt(40))
    assert row["sampling_error"] == 0


def test_intervals_are_wider_for_the_choice_of_training_sets():
    """Each record is tested and trained on; where the folds differ more than their records say, the intervals say so."""
    records = small_records(60, 1, telling="乙栏")
    records[MAIN] = np.random.default_rng(1).permutation(list(SMALL.main.codes) * 30)
    rows = shapley(SystemCoder(Guesser(), task=SMALL), records, n_folds=5, random_state=1, n_jobs=1).of("main_accuracy")
    factor = np.sqrt((rows["corrected_error"] ** 2).sum() / (rows["records_error"] ** 2).sum())
    assert factor > 1.2
    half_widths = (rows["shapley_high"] - rows["shapley_low"]) / 2
    assert (half_widths / (1.96 * rows["records_error"])).tolist() == pytest.approx([factor] * 3, rel=0.1)
    assert rows["records_needed"].tolist() == [records_needed(error * factor, 60, 0.01) for error in rows["records_error"]]


def test_groups_are_what_is_resampled():
    records = small_records(60, 1, telling="乙栏")
    groups = np.repeat(np.arange(12), 5)
    alone, grouped = reader(records), reader(records, groups=groups)
    assert grouped.n_groups == 12 and alone.n_groups is None
    assert "60 records in 12 groups" in shapley_text(grouped) and "bootstrap over groups" in shapley_text(grouped)
    assert grouped.of("acc")["records_error"].tolist() != alone.of("acc")["records_error"].tolist()


def test_corrected_error_and_power():
    folds = np.array([[0, 0, 1, 1], [0, 1, 0, 1]])
    values = np.array([[0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]])
    means = [0, 1, 0.5, 0.5]
    assert corrected_error(values, folds) == pytest.approx(np.sqrt(np.var(means, ddof=1) * (1 / 4 + 1)))
    assert np.isnan(corrected_error(values[:1], np.zeros((1, 4))))
    assert records_needed(0.005, 800, 0.01) == pytest.approx(800 * (2.8016 * 0.5) ** 2, abs=1)
    assert np.isnan(records_needed(float("nan"), 800, 0.01))


# --- players --------------------------------------------------------------------------


def test_players_are_fields_blocks_or_groups():
    coder = IcdCoder()
    assert expand_players(coder).names == list(coder.task.text_fields)
    assert expand_players(coder, "blocks").parameters((0, 2)) == {"blocks": ("words", "measurements")}
    grouped = expand_players(coder, {"diagnoses": ["出院情况", "入院诊断"]})
    assert grouped.names[0] == "diagnoses" and len(grouped.names) == 10
    assert grouped.parameters((0,)) == {"fields": ("入院诊断", "出院情况")}


@pytest.mark.parametrize(("players", "message"), [
    ("field", "unknown players 'field'; did you mean 'fields'"),
    ({"a": ["主述"]}, "unknown text field '主述'; did you mean '主诉'"),
    ({"a": ["主诉"], "b": ["主诉"]}, "field '主诉' stands in the groups 'a' and 'b'"),
    ({"a": []}, "group 'a': write a list of fields"),
    ({"a": "主诉"}, "group 'a': write a list of fields"),
    ({"主诉": ["现病史"]}, "group '主诉' has the name of a field outside it"),
])
def test_impossible_players(players, message):
    with pytest.raises(UsageError, match=message):
        expand_players(IcdCoder(), players)


def test_one_player_has_nothing_to_share():
    with pytest.raises(UsageError, match="nothing to share: 1 player"):
        expand_players(IcdCoder(fields=("主诉",)))
    with pytest.raises(UsageError, match="the coder does not read '现病史'"):
        expand_players(IcdCoder(fields=("主诉", "既往史")), {"a": ["现病史"]})


@pytest.mark.parametrize(("content", "message"), [
    ("{", "not JSON"), ("[1]", "not an object of lists"), ('{"a": "主诉"}', "not an object of lists"), ('{"a": [1]}', "not an object"),
])
def test_files_of_groups_that_are_none(tmp_path, content, message):
    path = tmp_path / "groups.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=f"{message}.*write"):
        read_groups_of_fields(path)
    with pytest.raises(DataError, match="no such file; write shapley, shapley:blocks"):
        read_groups_of_fields(tmp_path / "none.json")


def test_an_estimator_that_cannot_leave_fields_out_gets_blank_ones():
    assert isinstance(as_coder(Reader(), SMALL), SystemCoder)
    coder = lean()
    assert as_coder(coder) is coder
    records = small_records(4, 0, telling=None)
    records["乙栏"], records["甲栏"] = "心悸，早搏", "胸痛"
    blanked = SystemCoder(Reader(), task=SMALL, fields=("甲栏",)).fit(records)
    assert blanked.predict(records)[MAIN].tolist() == ["I20.000"] * 4
    assert SystemCoder(Reader(), task=SMALL).fit(records).predict(records)[OTHERS].tolist() == [("I49.900",)] * 4
    assert blanked.predict(records)[OTHERS].tolist() != [("I49.900",)] * 4


# --- what is written ------------------------------------------------------------------


def test_text_fits_a_terminal(found):
    from rich.cells import cell_len

    text = shapley_text(found)
    assert max(map(cell_len, text.splitlines())) <= 80 and "…" not in text
    assert "40 records, 2 folds, 2 repeats; fold seed 0. 7 of 7 coalitions fitted" in " ".join(text.split())
    assert text.splitlines()[1].split()[0] == "乙栏"


def test_the_sentence_has_the_numbers(found):
    sentences = paper_sentences(found)
    largest = found.of("acc").iloc[0]
    for sentence in sentences.values():
        assert f"{largest['shapley']:+.3f}" in sentence and f"{found.value('acc', of_all=True):.3f}" in sentence
    assert "8 of 8 coalitions, exact" in sentences["en"] and "8 个组合中计算 8 个，精确值" in sentences["zh"]


def test_files(found, tmp_path):
    written = write_shapley(found, tmp_path)
    assert set(written) == {"table", "JSON", "Markdown", "LaTeX", "LaTeX table", "pairs", "coalitions", "plot", "vectors",
                            "plot, orders", "vectors, orders", "plot, pairs", "vectors, pairs"}
    assert json.loads(written["JSON"].read_text("utf-8"))["is_exact"] is True
    latex = written["LaTeX"].read_text("utf-8")
    assert latex.count(r"\toprule") == latex.count(r"\bottomrule") == latex.count(r"\end{document}") == 1
    assert written["LaTeX table"].read_text("utf-8").strip() in latex
    assert len(pd.read_csv(written["coalitions"])) == 8
    table = pd.read_csv(written["table"])
    assert table.loc[table["score"] == "acc", "shapley"].sum() == gained(found, "acc")


def test_page_is_whole_and_bilingual(found):
    page = shapley_html(found, command="icdbase ablate --factors shapley", title="病历.json")
    assert "How to read it" in page and "如何解读" in page and page.count("data:image/svg+xml;base64,") == 3
    assert "icdbase ablate --factors shapley" in page and "http" not in page.replace("http-equiv", "").replace("http://www.w3.org", "")
    for sentence in paper_sentences(found).values():
        assert sentence in page.replace("&#43;", "+").replace("&gt;", ">")
    with pytest.raises(UsageError, match="language must be"):
        shapley_html(found, language="fr")


def test_a_task_with_more_targets():
    coder = IcdCoder(task=CCL26, blocks=("words",), boosted_features=False, main_learner="trees:2", thinned_share=0, n_folds=2)
    result = shapley(coder, make_records(20, random_state=0, task="ccl26"), {"rest": list(CCL26.text_fields[1:])}, n_folds=2, n_jobs=1)
    assert len(result.scores) == 1 + len(CCL26.targets)
    for score in result.scores:
        assert result.of(score)["shapley"].sum() == gained(result, score)
    assert "手术" in shapley_text(result)


# --- the verb -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def train_file(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("shapley") / "train.json"
    few = records.iloc[:24].copy()
    common = set(few[OTHERS].explode().value_counts().index[:4])
    few[OTHERS] = few[OTHERS].map(lambda codes: tuple(code for code in codes if code in common))
    write_records(few, path)
    return path


def run(*arguments):
    return CliRunner().invoke(ablate_command, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def quick(tiny_setting):
    return ("--folds", 2, "--n-jobs", 1, "--setting", tiny_setting)


def test_the_verb_writes_a_page_and_can_be_repeated(train_file, quick, tmp_path):
    groups = tmp_path / "groups.json"
    groups.write_text('{"diagnoses": ["入院诊断"], "rest": ["主诉", "现病史", "既往史", "个人史", "婚姻史", "家族史", "入院情况", '
                      '"诊疗经过", "出院情况", "出院医嘱"]}', encoding="utf-8")
    out = tmp_path / "run"
    result = run("--train", train_file, *quick, "--factors", f"shapley:{groups}", "--out", out)
    assert result.exit_code == 0 and "diagnoses" in result.stdout and "3 of 3 coalitions" in result.stdout
    assert f"icdbase ablate --train {train_file}" in (out / "shapley.html").read_text("utf-8")
    options = json.loads((out / "run.json").read_text("utf-8"))["options"]["shapley"]
    assert options == {"players": json.loads(groups.read_text("utf-8")), "budget": 64, "max_error": 0.005}
    again = run("--rerun", out / "run.json", "--n-jobs", 1)
    assert again.exit_code == 0 and "same figures as" in again.stderr


@pytest.mark.parametrize(("arguments", "message"), [
    (("--factors", "shapley:field"), "unknown players 'field'; did you mean 'fields'"),
    (("--factors", "fields", "--budget", 3), "--budget goes with --factors shapley only"),
    (("--factors", "shapley", "--budget", 3), "a budget of 3 coalitions is too small for 11 players; it must be 24"),
])
def test_wrong_options(train_file, quick, tmp_path, arguments, message):
    from icdbase.core.errors import IcdbaseError

    arguments = ("--train", train_file, *quick, "--out", tmp_path / "run", *arguments)
    try:
        said = run(*arguments).stderr
    except IcdbaseError as error:
        said = str(error)
    assert message in said
