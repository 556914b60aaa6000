# recap's front door: `make help` lists what there is.  Every target sets up what it needs.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
# Directories too: their time changes when a file goes away.
SOURCES := headers.py $(shell find src -name __pycache__ -prune -o -print)
ABOVE := tests/cli tests/report tests/test_docs.py tests/test_examples.py  # of the engine they see results only
PYTEST := -m pytest -n auto --dist worksteal --durations 10
ENGINE_TESTS := tests/mm tests/sim tests/policy tests/demand tests/test_rules_of_2_6_27.py tests/test_kernel_rules.py \
    $(addprefix tests/lab/test_,explain.py explain_cases.py info.py machines.py zone_verdict.py) \
    $(addprefix tests/trace/test_,ringbuffer.py occupancy.py addresses.py tracedat.py damage.py forms.py real.py)
NEEDS := recap needs Python 3.11 or newer, with venv (on Debian: apt install python3-venv)

.DELETE_ON_ERROR:
.PHONY: help build checked demo test test-fast coverage branches lint docs package bench fuzz clean

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 11

demo: build  ## replay a recorded race for memory under four policies, and show what a real kernel gained by them
	$(VENV)/bin/recap compare recordings/race4-1cpu -p none -p own-pages -p whitcroft -p kosaki \
	    --until success_percent=±0.2 --out build/demo
	@printf '\nMeasured on a Linux 6.1 with capture in it, on the same load from other starts (kernel/README.md):\n'
	@$(PY) kernel/tables.py kernel/runs.jsonl race4-1cpu 'served, %' handed 'withheld, page·ms'

test: build checked  ## all tests on the release build, the engine's on the checked one, what is quick without compilation
	PYTHONPATH=build/release $(PY) $(PYTEST)
	PYTHONPATH=build/checked $(PY) $(PYTEST) -m "not once" $(ABOVE:%=--ignore %)
	PYTHONPATH=src $(PY) $(PYTEST) -m "not once"

coverage: $(VENV)/.ready  ## which lines and branches the tests run without compilation, four times slower so
	$(PY) -m coverage erase
	PYTHONPATH=src $(PY) -m coverage run $(PYTEST)
	$(PY) -m coverage combine -q
	$(PY) -m coverage report

branches: $(VENV)/.ready  ## which branches of the engine nothing takes, held against tests/branches.txt: half an hour
	$(PY) -m coverage erase
	PYTHONPATH=src $(PY) -m coverage run $(PYTEST) $(ENGINE_TESTS)
	PYTHONPATH=src $(PY) -m coverage run -m tests.longer
	$(PY) -m coverage combine -q
	$(PY) -m tests.branches

test-fast: build  ## the quick tests, on the release build: about a minute
	PYTHONPATH=build/release $(PY) $(PYTEST) -m "not slow"

lint: $(VENV)/.ready  ## style, types, and which room may import from which
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m mypy
	PYTHONPATH=src $(VENV)/bin/lint-imports

docs: build $(VENV)/.docs  ## the documentation, with today's figures: build/docs/index.html
	PYTHONPATH=build/release $(PY) -m sphinx -q -W --keep-going -b html docs build/docs

package: build  ## sdist and wheel, the wheel installed into a fresh environment and tried there
	$(PY) tools/try_package.py

bench: build  ## engine against C, ingest against trace-cmd, and simulated seconds per second, as ratios
	$(PY) bench/allocator.py
	$(PY) bench/ingest.py recordings/hugetlb-1cpu
	$(PY) bench/compare.py recordings/hugetlb-1cpu
	$(PY) bench/policies.py recordings/hugetlb-1cpu

fuzz: checked  ## a million mutated files against every reader, ten million operations against the specification, kills
	PYTHONPATH=build/checked $(PY) -m tests.trace.fuzz 1000000
	PYTHONPATH=build/checked $(PY) -m tests.trace.guided 60
	PYTHONPATH=build/checked $(PY) -m tests.mm.differential 10000000
	RECAP_KILLS=100 PYTHONPATH=build/checked $(PY) $(PYTEST) tests/lab/test_processes.py

build: build/release.built $(VENV)/bin/recap  ## the package with its engine compiled: build/release, run by .venv/bin/recap

checked: build/checked.built  ## the same with every index and integer operation verified: build/checked

clean:  ## remove all that make has made
	rm -rf build $(VENV)

$(VENV)/.ready: constraints.txt
	@$(PYTHON) -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	    || { echo "$(NEEDS)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install -qq --no-deps -r constraints.txt
	@touch $@

$(VENV)/.docs: docs/constraints.txt $(VENV)/.ready
	$(PY) -m pip install -qq --no-deps -r docs/constraints.txt
	@touch $@

# Follows the release build, or what PYTHONPATH puts before it.
$(VENV)/bin/recap: $(VENV)/.ready Makefile
	@echo '$(CURDIR)/build/release' > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/recap.pth"
	@printf '#!/bin/sh\nexec "%s" -m recap "$$@"\n' '$(CURDIR)/$(PY)' > $@
	@chmod +x $@

# Other flags, directives or tools: nothing compiled before is worth keeping.
build/%.fresh: setup.py $(VENV)/.ready
	@rm -rf build/$* build/obj/$* build/c/$*
	@mkdir -p build && touch $@

.PRECIOUS: build/%.fresh build/%.built
# The stamp is from before the build: a source that changes meanwhile is newer.
build/%.built: build/%.fresh $(SOURCES)
	@touch $@.began
	RECAP_BUILD=$* $(PY) setup.py -q build
	@mv $@.began $@
