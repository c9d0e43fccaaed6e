"""Ablation: it finds what is there, and nothing where nothing is."""

import json
import os
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from test_cross_validation import FIELDS, MAIN, OTHERS, SMALL, lean, small_records

from icdbase import CCL25, CCL26, SETTINGS, IcdCoder, write_records
from icdbase.cli.experiments import ablate as ablate_command
from icdbase.cli.experiments import curve as curve_command
from icdbase.cli.experiments import cv as cv_command
from icdbase.core.atomic_files import only_writer
from icdbase.core.errors import DataError, DataWarning, IcdbaseError, UsageError, VersionWarning
from icdbase.evaluation.resampling import approximate_randomisation, holm, paired_bootstrap
from icdbase.experiments.ablation import REFERENCE, SMALLEST_P, ablate
from icdbase.experiments.cross_validation import cross_validate
from icdbase.experiments.exports import write_ablation, write_curve
from icdbase.experiments.learning_curve import learning_curve
from icdbase.experiments.markup import to_latex, to_markdown
from icdbase.experiments.plots import ablation_figure, curve_figure
from icdbase.experiments.result_text import ablation_text, curve_text, cv_text
from icdbase.experiments.run_card import RunCard
from icdbase.experiments.trials import Trial, TrialRunner
from icdbase.experiments.variants import PRESETS, changed_parameters, expand_variants, read_variants
from icdbase.learning.decoding import RULES
from icdbase.synthetic import make_records


@pytest.fixture(scope="module")
def few(records):
    """Real fields, few records, few codes: fast."""
    few = records.iloc[:24].copy()
    common = set(few[OTHERS].explode().value_counts().index[:4])
    few[OTHERS] = few[OTHERS].map(lambda codes: tuple(code for code in codes if code in common))
    return few


# --- what it finds --------------------------------------------------------------------


@pytest.fixture(scope="module")
def found():
    return ablate(lean(), small_records(120, 0, telling="乙栏"), "fields", n_folds=2, n_repeats=2, n_jobs=1)


def test_the_one_field_that_tells_is_significant_and_no_other(found):
    assert found.significant() == ["without 乙栏"]
    loss = found.table.set_index("variant").loc["without 乙栏"]
    assert loss["high"] < 0 and loss["main_difference"] < 0 and loss["other_difference"] < 0


def test_alone_it_does_as_well_as_all_together():
    result = ablate(lean(), small_records(160, 0, telling="乙栏"), "fields-only", n_folds=2, n_jobs=1)
    only = result.table.set_index("variant")
    assert set(result.significant()) == {"only 甲栏", "only 丙栏"}
    assert only.loc["only 乙栏", "acc"] > 0.8 > only.loc["only 甲栏", "acc"]


def test_shuffled_labels_make_no_field_significant():
    false_alarms = []
    for seed in range(3):
        records = small_records(40, seed, telling="乙栏")
        records[[MAIN, OTHERS]] = records[[MAIN, OTHERS]].sample(frac=1, random_state=seed).to_numpy()
        false_alarms += ablate(lean(), records, "fields", n_folds=2, random_state=seed, n_jobs=1).significant()
    assert false_alarms == []


def test_statistics_are_those_of_the_record_scores(found):
    reference = found.record_scores[REFERENCE]
    table = found.table.set_index("variant")
    p = [approximate_randomisation(found.record_scores[name], reference) for name in found.variants]
    assert table["p"].iloc[1:].tolist() == p
    assert table["p_holm"].iloc[1:].tolist() == holm(p).tolist()
    for name in found.variants:
        difference, low, high = paired_bootstrap(found.record_scores[name], reference, n_bootstrap=2000)
        assert table.loc[name, ["difference", "low", "high"]].tolist() == pytest.approx([difference, low, high])
        errors = found.record_scores[name] - reference
        assert table.loc[name, "standard_error"] == pytest.approx(errors.std(ddof=1) / np.sqrt(120))
    assert found.half_width == pytest.approx(((table["high"] - table["low"]) / 2).iloc[1:].median())
    assert found.detectable_difference == pytest.approx((1.96 + 0.8416) * table["standard_error"].iloc[1:].median(), rel=1e-4)
    assert table["acc"].tolist() == pytest.approx(found.record_scores.mean().tolist())
    assert found.records_needed == pytest.approx(120 * (found.detectable_difference / 0.01) ** 2, abs=1)
    assert np.isnan(table["corrected_error"].iloc[0]) and (table["corrected_error"].iloc[1:] > 0).all()


def test_repeats_are_averaged_record_by_record(found):
    assert found.record_scores.shape == (120, 4) and found.n_repeats == 2


def test_result_does_not_depend_on_the_folder(found, tmp_path):
    records = small_records(120, 0, telling="乙栏")
    for _ in range(2):
        again = ablate(lean(), records, "fields", n_folds=2, n_repeats=2, n_jobs=1, folder=tmp_path)
        assert again.to_dict() == found.to_dict()


def test_with_groups_the_groups_are_what_counts():
    records = small_records(60, 1)
    groups = np.repeat(np.arange(12), 5)
    result = ablate(lean(), records, {"half": {"fields": FIELDS[:2]}}, n_folds=3, groups=groups, n_jobs=1)
    assert result.n_groups == 12
    assert "60 records in 12 groups, 3 folds" in ablation_text(result)


# --- what is varied -------------------------------------------------------------------


def test_presets_of_fields():
    coder = IcdCoder()
    without, only, upto = (expand_variants(coder, name) for name in ("fields", "fields-only", "fields-cumulative"))
    assert len(without) == len(only) == 11 and len(upto) == 10
    assert all(len(each["fields"]) == 10 for each in without.values())
    assert only["only 主诉"] == {"fields": ("主诉",)}
    assert list(upto)[:2] == ["up to 主诉", "up to 现病史"]
    assert upto["up to 现病史"] == {"fields": ("主诉", "现病史")}


def test_histories_split_all_fields_in_two():
    variants = expand_variants(IcdCoder(), "histories")
    histories, main = variants["only histories"]["fields"], variants["only main text"]["fields"]
    assert histories == ("既往史", "个人史", "婚姻史", "家族史") and set(histories) | set(main) == set(CCL25.text_fields)
    assert not set(histories) & set(main)


def test_blocks_and_techniques_come_from_the_coder_itself():
    coder = IcdCoder()
    assert {f"without {block}" for block in coder.task.blocks} <= set(expand_variants(coder, "blocks"))
    techniques = expand_variants(coder, "techniques")
    switches = {name for name, value in coder.get_params().items() if isinstance(value, bool)}
    changed = {name for each in techniques.values() if len(each) == 1 for name in each}
    assert changed == (switches | {"decoding", "main_learner"}) - {"codes_by_name"}
    assert "codes_by_name off" in expand_variants(IcdCoder(task=CCL26), "techniques")
    assert {f"decoding {rule}" for rule in RULES[1:]} | {"exclusive_groups off", "setting plain"} <= set(techniques)
    assert techniques["setting plain"] == SETTINGS["plain"]
    plain = expand_variants(IcdCoder(**SETTINGS["plain"]), "techniques")
    assert "boosted_features on" in plain and "setting plain" not in plain


def test_presets_can_be_joined_and_named_by_hand():
    coder = IcdCoder()
    assert expand_variants(coder, "fields, blocks") == expand_variants(coder, ["fields", "blocks"])
    own = {"两栏": {"fields": ["主诉", "入院诊断"]}}
    assert expand_variants(coder, own) == own


@pytest.mark.parametrize("preset", PRESETS)
def test_every_variant_of_every_preset_can_be_fitted(preset, few):
    """Presets of fields differ in their fields only: one variant each."""
    coder = IcdCoder(main_learner="trees:3", n_folds=2, n_jobs=1, boosted_features=preset == "techniques")
    variants = list(expand_variants(coder, preset).values())
    chosen = variants if preset in ("blocks", "techniques") else variants[-1:]
    rows = np.arange(16), np.arange(16, 24)
    for codes in TrialRunner(coder, few, n_jobs=1).run([Trial(changed, *rows) for changed in chosen]):
        assert codes[MAIN].isin(CCL25.main.codes).all() and codes[OTHERS].map(len).min() >= 1


@pytest.mark.parametrize(("factors", "message"), [
    ("field", "unknown factors 'field'; did you mean 'fields'?; or a JSON file"),
    ({"a": {"exclusive_group": True}}, "variant 'a': unknown parameter 'exclusive_group'; did you mean 'exclusive_groups'?"),
    ({"a": {"fields": ["主述"]}}, "unknown text field '主述'; did you mean '主诉'?"),
    ({"a": {"n_jobs": 2}}, "variant 'a': unknown parameter 'n_jobs'"),
    ({}, "nothing to vary"),
])
def test_impossible_factors(factors, message):
    with pytest.raises(UsageError, match=re.escape(message)):
        expand_variants(IcdCoder(), factors)


def test_a_coder_of_one_field_has_nothing_to_leave_out():
    with pytest.raises(UsageError, match="nothing to vary"):
        expand_variants(IcdCoder(fields=("主诉",)), "fields")


@pytest.mark.parametrize(("content", "message"), [
    ("{", "not JSON"), ("[1]", "not an object of objects"), ("[" * 100_000, "not JSON"),
])
def test_files_of_factors_that_are_none(tmp_path, content, message):
    path = tmp_path / "factors.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=f"{message}.*write"):
        read_variants(path)


def test_fields_that_are_no_list(tmp_path):
    path = tmp_path / "factors.json"
    path.write_text('{"one": {"fields": 5}}', encoding="utf-8")
    with pytest.raises(UsageError, match="fields must be a list of text fields, got int"):
        expand_variants(IcdCoder(), read_variants(path))


def test_a_missing_file_of_factors_names_the_presets(tmp_path):
    with pytest.raises(DataError, match="no such file; name one of fields, fields-only"):
        read_variants(tmp_path / "factors.json")


# --- what is written ------------------------------------------------------------------


def test_the_table_fits_a_terminal_and_says_on_what_it_rests(found):
    text = ablation_text(found)
    from rich.cells import cell_len

    assert max(map(cell_len, text.splitlines())) <= 80
    assert "without 乙栏" in text and "…" not in text
    assert "120 records, 2 folds, 2 repeats; fold seed 0." in text
    assert "Different from the reference: without 乙栏." in text
    said = " ".join(text.split())
    assert "Reference: IcdCoder(blocks=['words'], boosted_features=False, main_learner='trees:5', n_folds=2). Folds inside " \
           "each fit: 2, where icdbase train has 3." in said
    assert "95 % interval is of each variant alone, not corrected for their number" in said
    assert f"Median half-width of the intervals: {found.half_width:.3f}." in said
    assert f"test at the 5 % level finds with 80 % power: {found.detectable_difference:.3f}." in said
    assert "Power" not in said


def test_the_smallest_p_is_a_bound(found, tmp_path):
    """9,999 swaps, none as extreme: p is at most 0.0001, times 3 variants."""
    assert found.table.set_index("variant").loc["without 乙栏", "p"] == SMALLEST_P == found.to_dict()["smallest_p"]
    (row,) = (line for line in ablation_text(found).splitlines() if "without 乙栏 " in line)
    assert "<= 0.0003" in row
    written = write_ablation(found, tmp_path)
    assert "| without 乙栏 |" in written["Markdown"].read_text("utf-8") and r"| \<= 0.0003 |" in written["Markdown"].read_text("utf-8")
    assert r"& $\leq$ 0.0003 &" in written["LaTeX"].read_text("utf-8")
    assert written["LaTeX"].read_text("utf-8").count(r"\leq") == 1


def test_what_is_measured_is_the_coder_that_train_ships(train_file, tiny_setting, tmp_path):
    """And another number of inner folds is said in every table that is written."""
    factors, setting = tmp_path / "two.json", tmp_path / "lean.toml"
    setting.write_text(tiny_setting.read_text("utf-8").replace("n_folds = 2", ""), encoding="utf-8")
    factors.write_text('{"四折": {"n_folds": 4}}', encoding="utf-8")
    arguments = ("--train", train_file, "--folds", 2, "--n-jobs", 1, "--setting", setting, "--factors", factors)
    assert run(ablate_command, *arguments, "--out", tmp_path / "as-is").exit_code == 0
    run(ablate_command, *arguments, "--inner-folds", 2, "--out", tmp_path / "two")
    for name, n_folds, note in (("as-is", 3, "Folds inside each fit: 3."),
                                ("two", 2, "Folds inside each fit: 2, where icdbase train has 3.")):
        content = json.loads((tmp_path / name / "ablation.json").read_text("utf-8"))
        assert [row["inner_folds"] for row in content["table"]] == [n_folds, 4]
        assert content["reference"].get("n_folds", IcdCoder().n_folds) == n_folds
        assert pd.read_csv(tmp_path / name / "ablation.csv")["inner_folds"].tolist() == [n_folds, 4]
        for ending in ("md", "tex"):
            text = (tmp_path / name / f"ablation.{ending}").read_text("utf-8")
            assert note in " ".join(text.replace("%", " ").split())


# --- tasks of other targets -----------------------------------------------------------


@pytest.fixture(scope="module")
def wards():
    """Ten departments: diagnoses and operations."""
    return make_records(40, random_state=0, task="ccl26")


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """A run folder: a fit that two tests need is made once."""
    return tmp_path_factory.mktemp("wards")


WARDS = {"task": CCL26, "blocks": ("words",), "boosted_features": False, "main_learner": "trees:2", "n_folds": 2}
OPERATIONS = [target.name for target in CCL26.targets[2:]]


def test_every_target_has_its_column_everywhere(wards, cells, tmp_path):
    result = ablate(IcdCoder(**WARDS), wards, {"主诉": {"fields": ["主诉"]}}, n_folds=2, n_jobs=1, folder=cells)
    main, others = OPERATIONS
    row, reference = result.table.iloc[1], result.table.iloc[0]
    for column, target in ((f"{main}_accuracy", main), (f"{others}_f1", others)):
        assert row[f"{target}_difference"] == pytest.approx(row[column] - reference[column])
    by_target = [0.4 * row["main_difference"], 0.1 * row["other_difference"], 0.4 * row[f"{main}_difference"],
                 0.1 * row[f"{others}_difference"]]
    assert row["difference"] == pytest.approx(sum(by_target))
    written = write_ablation(result, tmp_path)
    lines = written["Markdown"].read_text("utf-8").splitlines()
    assert lines[0].endswith("| p Holm | main | others | 主要手术编码 | 其他手术编码 |")
    assert not {"", "-"} & {cell.strip() for cell in lines[3].strip("|").split("|")}
    text = ablation_text(result)
    assert "…" not in text and all(name in text for name in OPERATIONS)
    for kind in ("table", "JSON", "Markdown", "LaTeX"):
        assert all(name in written[kind].read_text("utf-8") for name in OPERATIONS)
    figure = ablation_figure(result.table)
    assert [label.get_text() for label in figure.axes[1].get_legend().texts] == ["main code", "others", *OPERATIONS]


def test_every_target_in_cross_validation_and_curve(wards, cells, tmp_path):
    coder = IcdCoder(**WARDS)
    curve = learning_curve(coder, wards, sizes=[12, 20], n_folds=2, n_jobs=1, folder=cells)
    columns = [f"{OPERATIONS[0]}_accuracy", f"{OPERATIONS[1]}_f1"]
    assert curve.table[columns].notna().all(axis=None)
    assert "…" not in curve_text(curve)
    written = write_curve(curve, tmp_path)
    assert "| 95 % interval | main | others | 主要手术编码 | 其他手术编码 | gain |" in written["Markdown"].read_text("utf-8")
    assert all(name in written["LaTeX"].read_text("utf-8") for name in OPERATIONS)
    labels = [text.get_text() for text in curve_figure(curve.table).axes[0].get_legend().texts]
    assert labels[-2:] == [f"{OPERATIONS[0]}: accuracy", f"{OPERATIONS[1]}: F1"]
    validated = cross_validate(coder, wards, n_folds=2, n_jobs=1, folder=cells)
    assert validated.per_fold[columns].notna().all(axis=None)
    assert "…" not in cv_text(validated) and cv_text(validated).count(OPERATIONS[0]) == 2


def test_curve_of_a_task_without_single_target(tmp_path):
    task = replace(SMALL, targets=(replace(SMALL.others, weight=1.0),))
    curve = learning_curve(lean(task=task), small_records(40, 0).drop(columns=MAIN), sizes=[8, 16], n_folds=2, n_jobs=1)
    assert curve.table["main_accuracy"].isna().all() and curve.table["acc"].notna().all()
    assert "others" in curve_text(curve) and " main " not in curve_text(curve)
    assert write_curve(curve, tmp_path)["plot"].exists()


def test_files_of_an_ablation(found, tmp_path):
    written = write_ablation(found, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in written.values())
    table = pd.read_csv(written["table"])
    assert table["variant"].tolist() == [REFERENCE, *found.variants]
    assert table["difference"].iloc[1:].to_numpy() == pytest.approx(found.table["difference"].iloc[1:].to_numpy())
    assert json.loads(written["JSON"].read_text("utf-8")) == json.loads(json.dumps(found.to_dict()))
    markdown = written["Markdown"].read_text("utf-8").splitlines()
    assert len({line.count("|") for line in markdown if line.startswith("|")}) == 1
    assert written["plot"].read_bytes().startswith(b"\x89PNG")
    first = {name: path.read_bytes() for name, path in written.items()}
    assert {name: path.read_bytes() for name, path in write_ablation(found, tmp_path).items()} == first


def test_latex_of_any_name_has_its_braces_and_columns():
    nasty = r"a&b_c%d$e#f{g}h~i^j\k <|>"
    text = to_latex(["variant", "x"], [[nasty, "+0.1"], ["[1]", "-"]], [f"note {nasty}"])
    body = [line for line in text.splitlines() if not line.startswith("%")]
    assert r"a\&b\_c\%d\$e\#f\{g\}h\textasciitilde{}i\textasciicircum{}j\textbackslash{}k" in text
    assert "{}[1] & -- " in text
    ranges = to_latex(["n", "x"], [["40", "0.553-0.623"], ["80", "-0.010 to +0.002"]])
    assert "40 & 0.553--0.623 " in ranges and "80 & $-$0.010 to $+$0.002 " in ranges
    for row in body:
        bare = re.sub(r"\\[&%$#_{}]", "", row)
        assert bare.count("{") == bare.count("}") and not set("#%^~_") & set(bare)
        assert bare.count("&") == (1 if row.endswith(r"\\") else 0)
    assert to_markdown(["v", "x"], [["a|b", "1"]]).count(r"\|") == 1


def test_curve_as_text_and_files(tmp_path):
    curve = learning_curve(lean(), small_records(40, 4), sizes=[8, 20], n_folds=2, n_jobs=1)
    text = curve_text(curve)
    assert "0." in text and "…" not in text and "40 records, 2 folds, 1 repeat; nested training sets" in text
    written = write_curve(curve, tmp_path)
    assert pd.read_csv(written["table"])["n_train"].tolist() == [8, 20]
    assert json.loads(written["JSON"].read_text("utf-8"))["table"][0]["gain"] is None
    interval = "{:.3f} to {:.3f}".format(*curve.table.loc[0, ["low", "high"]])
    assert f"& {interval} &" in written["LaTeX"].read_text("utf-8")


# --- run cards ------------------------------------------------------------------------


def test_changed_parameters_are_what_json_can_hold():
    coder = IcdCoder(fields=("主诉",), blocks=("words",), exclusive_groups=False)
    parameters = json.loads(json.dumps(changed_parameters(coder)))
    assert parameters == {"fields": ["主诉"], "blocks": ["words"], "exclusive_groups": False}
    assert changed_parameters(IcdCoder(**parameters)) == parameters


def test_cards_of_something_else_are_refused(tmp_path, records):
    path = RunCard.of("curve", "a.json", records, IcdCoder(), {}).write(tmp_path)
    assert RunCard.read(path, "curve").train.endswith("a.json")
    with pytest.raises(DataError, match=r"a run of icdbase curve; name the run\.json that icdbase ablate --out wrote"):
        RunCard.read(path, "ablate")
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="no description of a run"):
        RunCard.read(path, "ablate")
    with pytest.raises(DataError, match="no such file"):
        RunCard.read(tmp_path / "nothing.json", "ablate")


# --- command line ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def train_file(tmp_path_factory, few):
    path = tmp_path_factory.mktemp("data") / "train.json"
    write_records(few, path)
    return path


def run(command, *arguments):
    return CliRunner().invoke(command, [str(argument) for argument in arguments], catch_exceptions=False)


@pytest.fixture
def quick(tiny_setting):
    return ("--folds", 2, "--n-jobs", 1, "--setting", tiny_setting)


def test_cv_prints_and_writes(train_file, quick, tmp_path):
    result = run(cv_command, "--train", train_file, *quick, "--out", tmp_path / "cv")
    assert result.exit_code == 0 and "main acc" in result.stdout and "fold" in result.stdout
    names = {path.name for path in (tmp_path / "cv").iterdir()}
    assert names == {"cells", "codes.csv", "cv.json", "folds.csv", "predictions.csv", "run.json"}
    as_json = json.loads(run(cv_command, "--train", train_file, *quick, "--json", "--out", tmp_path / "cv").stdout)
    assert as_json == json.loads((tmp_path / "cv" / "cv.json").read_text("utf-8"))
    assert as_json["n_records"] == 24 and len(as_json["per_fold"]) == 2


def test_two_runs_in_one_folder_do_not_mix(train_file, quick, tmp_path):
    out = tmp_path / "cv"
    with only_writer(out / "run.json"), pytest.raises(DataError, match="another run is writing here; wait until"):
        run(cv_command, "--train", train_file, *quick, "--out", out)
    run(cv_command, "--train", train_file, *quick, "--out", out)
    before = {path.name: path.read_bytes() for path in out.glob("*.*")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("icdbase.experiments.cross_validation.cross_validate", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(cv_command, "--train", train_file, *quick, "--seed", 1, "--out", out)
    assert {path.name: path.read_bytes() for path in out.glob("*.*")} == before  # the old card beside the old figures


def test_other_records_than_those_of_the_run_folder_are_said(train_file, quick, tmp_path):
    out, text = tmp_path / "cv", train_file.read_text("utf-8")
    other = tmp_path / train_file.name
    other.write_text(text.replace("。", "；", 1), encoding="utf-8")
    os.utime(other, ns=(train_file.stat().st_atime_ns, train_file.stat().st_mtime_ns))
    run(cv_command, "--train", train_file, *quick, "--out", out)
    with pytest.warns(DataWarning, match="cv: the earlier run there was of other records; its fits are not used"):
        run(cv_command, "--train", other, *quick, "--out", out)


def test_ablate_and_rerun(train_file, quick, tmp_path, monkeypatch):
    out, factors = tmp_path / "run", tmp_path / "two.json"
    factors.write_text('{"诊断": {"fields": ["入院诊断"]}, "不分组": {"exclusive_groups": false}}', encoding="utf-8")
    first = run(ablate_command, "--train", train_file, *quick, "--factors", factors, "--out", out)
    assert first.exit_code == 0 and "不分组" in first.stdout and "Folds inside each fit: 2, where" in " ".join(first.stdout.split())
    assert {path.name for path in out.iterdir()} == {
        "cells", "run.json", "ablation-table.tex", *(f"ablation.{ending}" for ending in ("csv", "json", "md", "tex", "png", "svg"))
    }
    other = tmp_path / "other"
    again = run(ablate_command, "--rerun", out / "run.json", "--n-jobs", 1, "--out", other)
    assert again.exit_code == 0 and f"same figures as {out / 'ablation.json'}" in again.stderr
    assert again.stdout.split("\n\ntable")[0].strip() in first.stdout
    assert (other / "ablation.json").read_bytes() == (out / "ablation.json").read_bytes()
    changed = json.loads((out / "ablation.json").read_text("utf-8"))
    changed["table"][1]["acc"] += 0.001
    (out / "ablation.json").write_text(json.dumps(changed), encoding="utf-8")
    with pytest.raises(DataError, match="the figures differ from those computed now: 诊断; compare"):
        run(ablate_command, "--rerun", out / "run.json", "--n-jobs", 1)


def test_rerun_on_other_records_or_by_other_code(train_file, tmp_path, records):
    card = RunCard.of("ablate", train_file, records, IcdCoder(), {"variants": {}}).write(tmp_path)
    with pytest.raises(DataError, match="not the records of the run; name the file of that time"):
        run(ablate_command, "--rerun", card)
    from icdbase import read_records

    content = json.loads(
        RunCard.of("ablate", train_file, read_records(train_file), IcdCoder(), {"variants": {}})
        .write(tmp_path).read_text("utf-8")
    )
    card.write_text(json.dumps(content | {"code": "0.0.1+old"}), encoding="utf-8")
    with pytest.warns(VersionWarning, match=r"made by icdbase 0\.0\.1\+old"), pytest.raises((IcdbaseError, KeyError)):
        run(ablate_command, "--rerun", card)


def test_curve_prints_and_writes(train_file, quick, tmp_path):
    result = run(curve_command, "--train", train_file, *quick, "--sizes", "6,12", "--out", tmp_path / "curve")
    assert result.exit_code == 0 and "train on" in result.stdout
    assert {"curve.png", "curve.svg", "curve.csv", "curve.json", "run.json"} <= {
        path.name for path in (tmp_path / "curve").iterdir()
    }


def test_group_column(few, quick, tmp_path):
    path = tmp_path / "train.csv"
    grouped = few.iloc[:20].copy()
    grouped[OTHERS] = grouped[OTHERS].map(";".join)
    grouped["患者编号"] = [f"P{number // 2}" for number in range(20)]
    grouped.to_csv(path, encoding="utf-8")
    result = run(cv_command, "--train", path, *quick, "--group", "患者编号", "--out", tmp_path / "cv", "--json")
    assert result.exit_code == 0
    folds = pd.read_csv(tmp_path / "cv" / "predictions.csv")["fold"].to_numpy()
    assert (folds[0::2] == folds[1::2]).all() and len(set(folds)) == 2
    with pytest.raises(DataError, match="field 患者: no such column; did you mean '患者编号'"):
        run(cv_command, "--train", path, *quick, "--group", "患者")
    with pytest.raises(UsageError, match="standard input cannot be read twice"):
        run_with_input = CliRunner().invoke(
            cv_command, ["--train", "-", "--group", "患者编号"], input=path.read_bytes(), catch_exceptions=False
        )
        assert run_with_input.exit_code == 0


def test_train_keeps_the_records_of_a_group_together(few, tiny_setting, tmp_path, monkeypatch):
    from icdbase.cli.train import train as train_command

    path = tmp_path / "train.csv"
    grouped = few.assign(**{OTHERS: few[OTHERS].map(";".join), "患者编号": [f"P{n // 2}" for n in range(len(few))]})
    grouped.to_csv(path, encoding="utf-8")
    given = []
    monkeypatch.setattr(IcdCoder, "fit", lambda self, records, *, groups: given.extend(groups) or 1 / 0)
    arguments = ("--train", path, "--model", tmp_path / "m", "--setting", tiny_setting, "--n-jobs", 1)
    with pytest.raises(ZeroDivisionError):
        run(train_command, *arguments, "--group", "患者编号")
    assert given == [f"P{n // 2}" for n in range(len(few))]
    with pytest.raises(DataError, match="field 患者: no such column; did you mean '患者编号'"):
        run(train_command, *arguments, "--group", "患者")


@pytest.mark.parametrize(("command", "arguments", "message"), [
    (ablate_command, (), "name the records with --train and a folder with --out, or a run with --rerun"),
    (ablate_command, ("--rerun", "run.json", "--seed", 1), "--seed does not go with --rerun, which repeats a run"),
    (curve_command, ("--sizes", "many", "--out", "x", "--train", "y"), "--sizes must be whole numbers"),
])
def test_misuse(command, arguments, message):
    result = run(command, *arguments)
    assert result.exit_code == 2 and message in result.stderr


def test_unknown_setting(train_file):
    with pytest.raises(UsageError, match="unknown setting 'plan'; did you mean 'plain'"):
        run(cv_command, "--train", train_file, "--setting", "plan")


def test_cv_text_names_every_fold():
    result = cross_validate(lean(), small_records(20, 0), n_folds=2, n_jobs=1)
    assert cv_text(result).count("\n") == 5
