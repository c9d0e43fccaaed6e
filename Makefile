# make run    set up .venv and run the main job on the embedded synthetic data
# make run-ccl26   the same for the 2026 edition: ten departments, operations
# make test   set up .venv and run the tests
# make bench  set up .venv-peers too and measure icdbase beside its peers (half an hour)
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
OUT    := runs/demo

.PHONY: run run-ccl26 test lint bench clean

run: $(VENV)/.ready
	@$(BIN)/icdbase synth --n 1485 --seed 0 --out $(OUT)/data
	@$(BIN)/python run_baseline.py --train $(OUT)/data/ICD-Coding-train.json --test $(OUT)/data/ICD-Coding-test.json --out $(OUT)

run-ccl26: $(VENV)/.ready
	@$(BIN)/icdbase synth --task ccl26 --n 1485 --seed 0 --out runs/ccl26/data
	@$(BIN)/python run_baseline.py --task ccl26 --train runs/ccl26/data/ICD-Coding-train.json --test runs/ccl26/data/ICD-Coding-test.json --out runs/ccl26

test: $(VENV)/.ready
	$(BIN)/python -m pytest

lint: $(VENV)/.ready
	$(BIN)/ruff check .

bench: $(VENV)/.ready .venv-peers/.ready
	$(BIN)/python benchmarks/peers/run.py --write

.venv-peers/.ready: benchmarks/peers/requirements.txt
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade pip
	.venv-peers/bin/python -m pip install --quiet -r benchmarks/peers/requirements.txt
	@touch $@

$(VENV)/.ready: setup.cfg setup.py
	@echo "setting up $(VENV): pip installs some twenty packages without a word, a minute or two"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

clean:
	rm -rf $(VENV) runs build *.egg-info
