"""The demo answers its own page, forgets what it was told, and shows what the model says."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import icdbase
from icdbase.cli import demo
from icdbase.core.errors import UsageError
from icdbase.demo.app import CURATED, N_SPANS, demo_app
from icdbase.demo.guard import refused
from icdbase.demo.record_input import MAX_TEXT, SEED, synthetic_record
from icdbase.explain.locations import locate_features
from icdbase.features.familiarity import REASONS
from icdbase.synthetic import iter_simulated, oracle_codes, simulate
from icdbase.tasks.editions import CCL25, CCL26

MAIN, OTHERS = CCL25.main.name, CCL25.others.name
SECRET = "张三丰住在武当山"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def app(coder, plain_coder):
    return demo_app({"default": coder, "plain": plain_coder}, about={"default": "110"})


@pytest.fixture
def ask(app):
    client = app.test_client()
    return lambda what, body=None, **more: client.post(f"/api/{what}", json=body or {}, **more)


def texts_of(record):
    return {name: record[name] for name in CCL25.text_fields}


def test_the_page_and_its_files_may_do_nothing_else(app):
    client = app.test_client()
    files = [path.name for path in (Path(icdbase.__file__).parent / "demo" / "static").iterdir()]
    for path in ("/", *(f"/{name}" for name in files)):
        with client.get(path) as answer:
            assert answer.status_code == 200
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Cache-Control"] == "no-store"
            assert "Access-Control-Allow-Origin" not in answer.headers
    assert client.get("/../demo.py").status_code == 404


def test_about(ask, coder):
    told = ask("about").get_json()
    assert [model["name"] for model in told["models"]] == ["default", "plain"]
    assert told["fields"] == list(CCL25.text_fields)
    assert told["targets"] == [{"name": MAIN, "single": True}, {"name": OTHERS, "single": False}]
    assert told["examples"][len(CURATED) + 3]["says"] == simulate(3, SEED).texts["主诉"]


@pytest.mark.parametrize("model", ["default", "plain"])
def test_a_prediction_is_the_coders(model, ask, coder, plain_coder, held_out):
    chosen = {"default": coder, "plain": plain_coder}[model]
    record = held_out.iloc[[4]]
    told = ask("predict", {"model": model, "record": texts_of(record.iloc[0])}).get_json()["codes"]
    expected, p = chosen.predict(record).iloc[0], chosen.predict_proba(record)
    assert {code["code"] for code in told if code["predicted"]} == {expected[MAIN], *expected[OTHERS]}
    assert any(not code["predicted"] for code in told if code["target"] == OTHERS)
    for code in told:
        assert code["probability"] == p[code["target"]].iloc[0][code["code"]]
        total = sum(span[3] for span in code["spans"]) + code["rest"] + sum(code["unplaced"].values())
        assert total == pytest.approx(code["margin"], abs=N_SPANS * 1e-4)


def test_a_field_switched_off_is_not_read(ask, coder, held_out):
    record = texts_of(held_out.iloc[2])
    fields = [name for name in CCL25.text_fields if name != "诊疗经过"]
    told = ask("predict", {"model": "default", "record": record, "fields": fields}).get_json()["codes"]
    blank = held_out.iloc[[2]].assign(诊疗经过="")
    expected = coder.predict(blank).iloc[0]
    assert {code["code"] for code in told if code["predicted"]} == {expected[MAIN], *expected[OTHERS]}
    assert not any(span[0] == "诊疗经过" for code in told for span in code["spans"])
    nothing = ask("predict", {"model": "default", "record": record, "fields": []}).get_json()["codes"]
    assert not any(code["spans"] for code in nothing)


def test_an_unlike_record_is_said(ask, held_out):
    said = [ask("predict", {"model": "default", "record": record}).get_json()["unlike"]
            for record in ({"主诉": "头痛"}, texts_of(held_out.iloc[2]))]
    assert said == ["little text", ""]


def test_the_page_has_words_for_every_reason():
    words = (Path(icdbase.__file__).parent / "demo" / "static" / "words.js").read_text("utf-8")
    for reason in REASONS.values():
        assert words.count(f'"{reason}":') == 2  # in English and in Chinese


def test_a_synthetic_record_has_its_codes(ask):
    told = ask("record", {"number": 5}).get_json()
    one = simulate(5, SEED)
    assert told["id"] == one.id
    assert told["truth"] == {MAIN: [one.main], OTHERS: list(one.others)}
    assert {name: text for name, text in told["texts"].items() if text} == one.texts


@pytest.mark.parametrize("pasted", [
    '{"病案标识": "ZY1", "主诉": "胸痛", "主要诊断编码": "I20.000", "其他诊断编码": "e11.900； I10.X00X032"}',
    '\ufeff [{"病案标识": "ZY1", "主诉": "胸痛", "主诊断编码": "I20.000", "其他诊断编码": "E11.900;I10.x00x032"}, {}]',
])
def test_a_pasted_record_is_read_like_a_file(pasted, ask):
    told = ask("record", {"text": pasted}).get_json()
    assert told["id"] == "ZY1"
    assert told["texts"]["主诉"] == "胸痛"
    assert told["texts"]["现病史"] == ""
    assert told["truth"] == {MAIN: ["I20.000"], OTHERS: ["E11.900", "I10.x00x032"]}
    assert ask("record", {"record": {"主诉": "胸痛"}}).get_json()["truth"] == {}


@pytest.mark.parametrize(("body", "message"), [
    ({"text": '{"主诉": "' + SECRET}, r"line 1, column 8: no valid JSON"),
    ({"text": f'{{"主述": "{SECRET}"}}'}, "column 1 may be meant: name it 主诉"),
    ({"text": " "}, "nothing was pasted"),
    ({"text": "[" * 100_000}, "nested too deep"),
    ({"text": f'"{SECRET}"'}, "this is no record"),
    ({"text": SECRET}, "does not begin with the heading of a field; write 主诉：… 现病史：…"),
    ({"text": f"{SECRET} 主诉：胸痛"}, "does not begin with the heading"),
    ({"text": f"主诉：胸痛\n主诉：{SECRET}"}, "the heading 主诉 stands twice"),
    ({"record": {"主诉": [SECRET]}}, "list instead of text"),
    ({"record": {"主诉": " "}}, "no field holds text"),
    ({"record": {"主诉": "胸痛", "主诊断编码": SECRET}}, "is no ICD code"),
    ({"number": -1}, "lies between 0 and"),
    ({"number": True}, "lies between 0 and"),
    ({"model": "defalt", "record": {}}, "did you mean 'default'"),
    ({"model": ["default"], "record": {}}, "unknown model"),
    ({"model": "default", "record": SECRET}, "must be an object"),
    ({"model": "default", "record": {"主诉": [SECRET]}}, "instead of text"),
    ({"model": "default", "record": {}, "fields": ["主述"]}, "did you mean '主诉'"),
    ({"model": "default", "record": {}, "fields": "主诉"}, "list of field names"),
    ([], "send a JSON object"),
])
def test_errors_say_what_to_do_and_no_word_of_the_record(body, message, ask, caplog, capfd):
    answer = ask("predict" if "model" in body else "record", body)
    if body == []:
        answer = ask("record", json.loads("[1]"))
    assert answer.status_code == 400
    assert message in answer.get_json()["error"]
    assert SECRET not in answer.get_data(as_text=True) + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("pasted", [
    "主诉：胸痛3天。\n现病史：活动后胸痛，无发热。主诊断编码：I20.000",
    "病案标识:ZY1 主诉:胸痛3天。 现病史: 活动后胸痛，无发热。\n主要诊断编码: I20.000",
    "【主诉】胸痛3天。\n【现病史】：活动后胸痛，无发热。\n【主诊断编码】I20.000",
])
def test_free_text_is_cut_at_the_headings_of_fields(pasted, ask):
    told = ask("record", {"text": pasted}).get_json()
    assert {field: text for field, text in told["texts"].items() if text} == {"主诉": "胸痛3天。", "现病史": "活动后胸痛，无发热。"}
    assert told["truth"] == {MAIN: ["I20.000"]}


@pytest.mark.parametrize(("body", "message"), [
    ({"text": SECRET}, "文字没有以字段名开头"),
    ({"text": "{"}, "第 1 行第 2 列：JSON 格式有误"),
    ({"text": "[" * 100_000}, "嵌套过深"),
    ({"record": {"主诉": " "}}, "所有字段都是空的"),
    ({"record": {"主诉": "胸痛", "主诊断编码": SECRET}}, "无法读取这份病历："),
])
def test_errors_are_in_the_language_of_the_page(body, message, ask):
    told = ask("record", body, headers={"Accept-Language": "zh"}).get_json()["error"]
    assert told.startswith(message)
    assert SECRET not in told
    assert message not in ask("record", body).get_json()["error"]


def test_the_doctors_own_diagnosis_is_marked(ask, coder):
    record = {"主诉": "头晕", "既往史": "2型糖尿病", "入院诊断": "1.2型糖尿病 2.高血压病2级"}
    told = ask("predict", {"model": "default", "record": record}).get_json()
    listed = {(span[0], record[span[0]][span[1] : span[2]]) for code in told["codes"] for span in code["spans"] if span[5]}
    assert ("入院诊断", "2型糖尿病") in listed
    assert {field for field, _ in listed} == {"入院诊断"}


def test_the_probability_of_every_code_is_told(ask, coder, held_out):
    record = held_out.iloc[[4]]
    told = ask("predict", {"model": "default", "record": texts_of(record.iloc[0])}).get_json()["probabilities"]
    for target, p in coder.predict_proba(record).items():
        assert told[target] == {code: round(value, 4) for code, value in p.iloc[0].items()}


DEEP = ["[" * depth + "]" * depth for depth in (300, 900, 5_000, 100_000)]


@pytest.mark.parametrize("what", ["record", "predict"])
@pytest.mark.parametrize("body", [
    b"", b"{", b"\xff\xfe\xfa", b"\xff", b"null", b'"text"', b"1" * 100_000, b'{"number": ' + b"1" * 100_000 + b"}",
    b"[" * 100_000, *(deep.encode() for deep in DEEP), *(f'{{"number": {deep}, "model": {deep}}}'.encode() for deep in DEEP),
    *(f'{{"record": {{"主诉": {deep}}}, "model": "default"}}'.encode() for deep in DEEP),
    *(f'{{"record": {deep}, "model": "default"}}'.encode() for deep in DEEP), *(json.dumps({"text": deep}).encode() for deep in DEEP),
    json.dumps({"text": "1" * 100_000}).encode(),
], ids=lambda body: f"{body[:16]!r}, {len(body)} bytes" if isinstance(body, bytes) else body)
def test_any_body_that_cannot_be_read_is_answered(what, body, app, caplog):
    answer = app.test_client().post(f"/api/{what}", data=body, headers=JSON)
    assert answer.status_code == 400
    assert " " in answer.get_json()["error"]
    assert not caplog.text


@pytest.mark.parametrize(("record", "message"), [
    ({"主诉": "房" * MAX_TEXT + SECRET}, f"has {MAX_TEXT + len(SECRET):,} characters, and the demo reads at most {MAX_TEXT:,}"),
    ({"主诉": "胸痛", "现病史": "房颤" * MAX_TEXT}, "shorten it, or use 'icdbase explain'"),
])
def test_the_time_of_a_request_is_bounded_by_the_size_of_its_record(record, message, ask, monkeypatch):
    monkeypatch.setattr("icdbase.demo.app.explain", None)
    asked = [ask("predict", {"model": "default", "record": record}), ask("record", {"record": record}),
             ask("record", {"text": json.dumps(record)})]
    for answer in asked:
        assert answer.status_code == 400
        assert message in answer.get_json()["error"]
        assert SECRET not in answer.get_data(as_text=True)


def test_names_that_are_no_fields_cost_little(ask):
    many = {"主诉": "胸痛", **{f"字段{number}": "" for number in range(20_000)}}
    for body in ({"record": many}, {"record": {"主诉": "胸痛", "现" * 10_000: ""}}, {"record": {"主诉": "胸痛"}, "text": json.dumps(many)}):
        assert "the record must have at most 200 fields" in ask("record", body).get_json()["error"]
    for fields in (["主诉"] * 1_000, ["现" * 10_000]):
        answer = ask("predict", {"model": "default", "record": {"主诉": "胸痛"}, "fields": fields})
        assert "fields must be at most 200 names" in answer.get_json()["error"]


def test_an_internal_error_is_told_by_its_place(ask, monkeypatch, caplog, capfd):
    def stumble(coder, record, **_):
        raise KeyError(record["主诉"])

    monkeypatch.setattr("icdbase.demo.app.explain", stumble)
    answer = ask("predict", {"model": "default", "record": {"主诉": SECRET}})
    assert answer.status_code == 500
    assert answer.get_json() == {"error": "internal error: KeyError"}
    assert "KeyError in test_demo.py, line" in caplog.text
    assert SECRET not in answer.get_data(as_text=True) + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize(("method", "headers", "status"), [
    ("GET", {"Host": "127.0.0.1:8765"}, None),
    ("GET", {"Host": "localhost:1"}, None),
    ("GET", {"Host": "[::1]:8765"}, None),
    ("GET", {"Host": "ward-pc:8765"}, None),
    ("GET", {"Host": "evil.example:8765"}, 421),
    ("GET", {"Host": "127.0.0.1.evil.example"}, 421),
    ("GET", {"Host": "localhost.evil.example"}, 421),
    ("GET", {"Host": "evil.example@127.0.0.1"}, 421),
    ("GET", {"Host": "[::1"}, 421),
    ("GET", {"Host": ""}, 421),
    ("GET", {"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, None),
    ("GET", {"Host": "localhost", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403),
    ("POST", {"Host": "localhost:9", **JSON}, None),
    ("POST", {"Host": "localhost:9", "Content-Type": "Application/JSON; charset=utf-8"}, None),
    ("POST", {"Host": "localhost:9", "Origin": "http://localhost:9", "Sec-Fetch-Site": "same-origin", **JSON}, None),
    ("POST", {"Host": "localhost:9", "Origin": "http://localhost:10", **JSON}, 403),
    ("POST", {"Host": "localhost:9", "Origin": "http://evil.example", **JSON}, 403),
    ("POST", {"Host": "localhost:9", "Origin": "null", **JSON}, 403),
    ("POST", {"Host": "localhost:9", "Sec-Fetch-Site": "same-site", **JSON}, 403),
    ("POST", {"Host": "localhost:9", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", **JSON}, 403),
    ("POST", {"Host": "localhost:9", "Content-Type": "text/plain"}, 415),
    ("POST", {"Host": "localhost:9"}, 415),
    ("OPTIONS", {"Host": "localhost:9"}, 405),
    ("DELETE", {"Host": "localhost:9"}, 405),
])
def test_only_its_own_page_is_answered(method, headers, status):
    refusal = refused(method, headers, {"Ward-PC"})
    assert (refusal and refusal[0]) == status


def test_the_rules_hold_for_every_address(app, ask):
    assert ask("about", headers={"Host": "evil.example"}).status_code == 421
    assert app.test_client().get("/style.css", headers={"Host": "evil.example"}).status_code == 421
    assert ask("about", headers={"Origin": "http://evil.example"}).status_code == 403
    assert app.test_client().post("/api/about", data="{}").status_code == 415
    assert app.test_client().get("/api/about").status_code == 404
    assert ask("record", {"text": " " * 1_000_001}).status_code == 413
    assert app.test_client().post("/api/record", data="{", headers=JSON).status_code == 400


def test_models_of_one_task(coder):
    with pytest.raises(UsageError, match="no model to show"):
        demo_app({})
    with pytest.raises(UsageError, match="code different tasks"):
        demo_app({"a": coder, "b": icdbase.IcdCoder(task=CCL26)})


@pytest.mark.filterwarnings("ignore:其他手术编码")  # of so few records no other operation is learned
def test_another_task_brings_its_own_fields(train):
    wards = icdbase.make_records(40, task="ccl26")
    coder = icdbase.IcdCoder(task=CCL26, n_folds=2, main_learner="trees:2", boosted_features=False).fit(wards)
    client = demo_app({"wards": coder}).test_client()
    about = client.post("/api/about", json={}).get_json()
    assert about["fields"] == list(CCL26.text_fields)
    record = client.post("/api/record", json={"number": 2}).get_json()
    assert set(record["truth"]) <= {target.name for target in CCL26.targets}
    told = client.post("/api/predict", json={"model": "wards", "record": record["texts"]}).get_json()["codes"]
    assert {code["target"] for code in told} == {target.name for target in CCL26.targets}


# --- the verb --------------------------------------------------------------------------


def test_the_verb_serves_and_leaves_no_trace(plain_coder, tmp_path):
    icdbase.save(plain_coder, tmp_path / "model")
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-c", "from icdbase.cli.main import main; main()", "demo", "--model", "model", "--port", "0", "--no-open"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            address = process.stdout.readline().split()[0]
            assert address.startswith("http://127.0.0.1:")
            for body in ({"model": "model", "record": {"主诉": SECRET}}, {"model": "no", "record": {"主诉": SECRET}}):
                request = urllib.request.Request(f"{address}api/predict", json.dumps(body).encode(), JSON)
                try:
                    with urllib.request.urlopen(request) as answer:
                        assert b"codes" in answer.read()
                except urllib.error.HTTPError as error:
                    assert error.code == 400
                    error.close()
        finally:
            process.terminate()
        assert process.stdout.read() == ""
    assert sorted(tmp_path.rglob("*")) == before


def test_small_models_are_trained_once(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "N_TRAIN", 24)
    light = {"n_folds": 2, "main_learner": "trees:2", "blocks": ("concepts",)}
    monkeypatch.setattr(icdbase, "SETTINGS", {setting: {**chosen, **light} for setting, chosen in icdbase.SETTINGS.items()})
    trained, about, synthetic = demo._synthetic_models()
    assert synthetic == set(trained)
    assert "training 2 small models on 24 synthetic records" in capsys.readouterr().err
    monkeypatch.setattr(icdbase.IcdCoder, "fit", None)
    loaded, _, _ = demo._synthetic_models()
    assert list(loaded) == list(icdbase.SETTINGS)
    assert about == {"default": "24", "plain": "24"}
    record = icdbase.make_records(1, SEED)
    for setting, one in trained.items():
        np.testing.assert_array_equal(one.predict_proba(record)[MAIN], loaded[setting].predict_proba(record)[MAIN])


def test_a_taken_port_is_told_before_anything_is_trained():
    with demo._listening("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(demo.demo, ["--port", str(port), "--no-open"])
    assert isinstance(result.exception, UsageError)
    assert f"cannot listen on 127.0.0.1, port {port}" in str(result.exception)


@pytest.mark.parametrize(("host", "warned"), [("0.0.0.0", True), ("127.0.0.1", False)])
def test_a_wider_address_is_warned_of(host, warned, monkeypatch, coder):
    class Server:
        def serve_forever(self):
            pass

        def server_close(self):
            pass

    monkeypatch.setattr("icdbase.demo.server.DemoServer", lambda *_: Server())
    monkeypatch.setattr(demo, "_synthetic_models", lambda: ({"default": coder}, {}, set()))
    opened = []
    monkeypatch.setattr(demo.webbrowser, "open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    result = CliRunner().invoke(demo.demo, ["--host", host, "--port", "0"])
    assert result.exit_code == 0, result.output
    assert ("do not paste" in result.stderr) == warned
    assert opened == [result.stdout.split()[0]]
    assert opened[0].startswith("http://127.0.0.1:")


def test_without_flask_the_remedy_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "flask", None)
    monkeypatch.delitem(sys.modules, "icdbase.demo.app")
    result = CliRunner().invoke(demo.demo, ["--port", "0"])
    assert isinstance(result.exception, UsageError)
    assert "pip install -e '.[demo]'" in str(result.exception)


def test_the_curated_records_show_what_they_are_there_for():
    def of(kind):
        return synthetic_record(CURATED[kind], CCL25)

    number, denied, family, slip = map(of, ("number", "denied", "family", "slip"))
    assert number["texts"]["诊疗经过"].count("0.013") == 1
    assert number["truth"]["主诊断编码"] == ["I20.000"]
    statuses = {key.detail for key in locate_features(denied["texts"], CCL25).spans if key.name == "斑块"}
    assert "negated" in statuses
    assert "I70.806" not in denied["truth"]["其他诊断编码"]
    assert "高血压" in family["texts"]["家族史"]
    assert not any(code.startswith("I10") for codes in family["truth"].values() for code in codes)
    patient = next(iter_simulated(1, SEED, start=CURATED["slip"])).patient
    assert set(oracle_codes(patient)[1]) - set(slip["truth"]["其他诊断编码"]) == {"E78.500"}


def test_one_record_is_of_another_ward(ask):
    foreign = ask("record", {"number": CURATED["foreign"]}).get_json()
    assert foreign["truth"] == {}
    assert ask("predict", {"model": "default", "record": foreign["texts"]}).get_json()["unlike"]


def test_the_list_begins_with_the_curated_records(ask):
    listed = ask("about").get_json()["examples"]
    assert [one["number"] for one in listed[: len(CURATED)]] == list(CURATED.values())
    assert [one["shows"] for one in listed[: len(CURATED)]] == list(CURATED)
    assert not any(one["shows"] for one in listed[len(CURATED) :])
