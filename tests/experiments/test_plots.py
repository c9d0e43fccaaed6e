"""Plots: every label can be drawn, whatever fonts the machine has (warnings are errors here)."""

import xml.etree.ElementTree as ElementTree

import pandas as pd
import pytest

from icdbase import CCL25
from icdbase.experiments import plots
from icdbase.experiments.plots import ablation_figure, curve_figure, drawable, save_figure


def table(names):
    rows = [{"variant": "reference"}]
    rows += [
        {"variant": name, "difference": -0.01 * n, "low": -0.01 * n - 0.02, "high": 0.02 - 0.01 * n, "p_holm": 0.01 * n}
        for n, name in enumerate(names)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def no_other_fonts(monkeypatch):
    monkeypatch.setattr(plots, "_other_fonts", list)


def test_the_package_draws_all_its_own_names(no_other_fonts):
    names = [*CCL25.text_fields, *CCL25.code_names.values(), *(target.name for target in CCL25.targets)]
    names += [CCL25.id_field, "手术经过", "术前诊断", "术中诊断"]
    assert drawable(names)[0] == names


def test_the_font_is_small_and_its_licence_lies_beside_it():
    from importlib import resources

    data = resources.files("icdbase") / "experiments"
    assert len((data / "plot_font.ttf").read_bytes()) < 200_000
    assert "Apache License" in (data / "plot_font_license.txt").read_text("utf-8")


@pytest.mark.parametrize("name", ["龘龘记录", "\U0002a6d6", "한국어", "a\nb", "\x00"])
def test_what_no_font_has_becomes_a_number(name, no_other_fonts, tmp_path):
    assert drawable(["入院诊断", name])[0] == ["入院诊断", "#2"]
    save_figure(ablation_figure(table(["入院诊断", name])), tmp_path / "plot")


def test_fonts_of_the_machine_help_out(monkeypatch, tmp_path):
    path = plots._file_of("STIXGeneral")  # comes with matplotlib, has what neither DejaVu nor our font has
    own = plots._characters(plots._file_of(plots._LATIN)) | plots._characters(plots._file_of(plots._own_family()))
    character = chr(min(plots._characters(path) - own - set(range(0xE000, 0xF900))))
    with monkeypatch.context() as alone:
        alone.setattr(plots, "_other_fonts", list)
        assert drawable([character])[0] == ["#1"]
    monkeypatch.setattr(plots, "_other_fonts", lambda: [("STIXGeneral", path)])
    assert drawable([character]) == ([character], [plots._LATIN, plots.OWN_FONT, "STIXGeneral"])
    save_figure(ablation_figure(table([character])), tmp_path / "plot")


def test_all_fonts_of_the_machine_can_be_searched():
    assert drawable(["\U000f0000"])[0] == ["#1"]


def test_figures_are_valid_and_the_same_every_time(tmp_path):
    names = [f"without {field}" for field in CCL25.text_fields] + ["cost $5$ & _x_ <y>"]
    for attempt in ("a", "b"):
        png, svg = save_figure(ablation_figure(table(names), ["800 records"]), tmp_path / attempt)
        assert png.read_bytes().startswith(b"\x89PNG")
        assert ElementTree.parse(svg).getroot().tag.endswith("svg")
        assert b"<text" not in svg.read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_one_large_loss_gets_an_enlarged_panel_beside_it_for_the_others():
    values = table(["主诉", "诊疗经过", "入院诊断"])
    values.loc[2, ["difference", "low", "high"]] = [-0.4, -0.45, -0.35]
    first, enlarged = ablation_figure(values).axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["诊疗经过 hospital course", "入院诊断 admission diagnoses",
                                                                       "主诉 chief complaint"]
    assert enlarged.get_xlim()[1] < 0.1 < -first.get_xlim()[0]
    assert len(ablation_figure(table(["主诉", "诊疗经过"])).axes) == 1


@pytest.mark.parametrize("others", [[0.3, 0.4], [None, None]])
def test_curve(others, tmp_path):
    values = pd.DataFrame({"n_train": [40, 80], "acc": [0.5, 0.6], "low": [0.4, 0.5], "high": [0.6, 0.7],
                           "main_accuracy": [0.6, 0.7], "other_f1": others})
    figure = curve_figure(values)
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["40", "80"]
    assert len(figure.axes[0].lines) == (3 if others[0] else 2)
    save_figure(figure, tmp_path / "curve")
