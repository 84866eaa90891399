# `make run` starts the app, `make test` runs every test; each sets up all that it needs below .venv/.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
UV := .venv/setup/bin/uv
LOCK := $(CURDIR)/$(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --custom-compile-command "make lock"
LOCKED := algo_container/requirements algo_container/requirements-test ui_container/requirements ui_container/requirements-test tests/requirements tests/requirements-setup benchmarks/baselines/requirements
IN_UI_TESTS := .venv/ui-test/bin/python
IN_ALGO_TESTS := .venv/algo-test/bin/python
IN_TESTS := .venv/tests/bin/python
RUNTIME := ui_container/digit_ui/static/vendor/onnxruntime/ort.js
# An engine's images and a virtual machine's box, which take minutes to make.
KEPT ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/projet_digit

help: ## Show what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## */\1|/' | column -t -s '|'

run: .venv/ui/.ready ## Start the app and print its address (PORT=5000, SHARED_DIR=folder or s3://bucket/prefix)
	CACHE_DIR="$${CACHE_DIR:-$(CURDIR)/.cache/models}" exec .venv/ui/bin/gunicorn --config ui_container/gunicorn.conf.py --pythonpath ui_container

train: .venv/algo/.ready ## Train and publish (DATA=folder STROKES=file OUT=folder QUICK=1 EPOCHS=30 ...)
	DATA_DIR="$${DATA:-$${DATA_DIR:-}}" SHARED_DIR="$${OUT:-$${SHARED_DIR:-}}" exec .venv/algo/bin/python algo_container/cnn_mnist.py

watch: .venv/algo/.ready ## Watch the feedback and retrain from it (SHARED_DIR=folder or s3://bucket/prefix DATA_DIR=folder RETRAIN_AFTER=20)
	exec .venv/algo/bin/python algo_container/cnn_mnist.py --watch

retrain: .venv/algo/.ready ## Retrain the model in service from the feedback now (SHARED_DIR=folder DATA_DIR=folder)
	exec .venv/algo/bin/python algo_container/cnn_mnist.py --retrain

rollback: .venv/algo/.ready ## Put an earlier version into service again (VERSION=name, else the one before)
	exec .venv/algo/bin/python algo_container/cnn_mnist.py --rollback $(VERSION)

pretrained: .venv/algo/.ready ## Make the shipped model again (DATA=folder with MNIST's CSVs STROKES=file), in .cache/pretrained
	rm -rf .cache/pretrained
	DATA_DIR="$${DATA:-$${DATA_DIR:-shared}}" SHARED_DIR=.cache/pretrained VALIDATION_SHARE=0 .venv/algo/bin/python algo_container/cnn_mnist.py

prepared: .venv/ui/.ready ## Convert the shipped model for the server, which then need not do it at its first start
	cd ui_container && ../.venv/ui/bin/python prepare_model.py

onnx: .venv/algo/.ready ## Give a model that an earlier trainer made its model.onnx (FOLDER=shared/pretrained)
	cd algo_container && ../.venv/algo/bin/python -m trainer.older_model "$(abspath $(FOLDER))"

runtime: $(RUNTIME) ## Fetch ONNX Runtime Web, with which the page can predict in the browser (needs npm)

$(RUNTIME): ui_container/package-lock.json ui_container/fetch-runtime.sh
	ui_container/fetch-runtime.sh

static: .venv/ui/.ready $(RUNTIME) ## Write the page and the model into a folder for any file server (OUT=static-site, SHARED_DIR=folder)
	cd ui_container && ../.venv/ui/bin/python -m digit_ui.static_site "$(abspath $(or $(OUT),static-site))"

test: .venv/algo-test/.ready .venv/ui-test/.ready ## Run every test; those of containers and virtual machines only where they can
	$(MAKE) --jobs=2 --output-sync=target test-algo test-ui
	$(MAKE) test-js
	$(MAKE) --jobs=2 --output-sync=target test-app test-machines

test-algo: .venv/algo-test/.ready ## The trainer's own tests
	$(IN_ALGO_TESTS) -m pytest algo_container

test-ui: .venv/ui-test/.ready ## The server's own tests
	$(IN_UI_TESTS) -m pytest ui_container

test-js: .venv/tests/.ready ## The page's own tests
	"$$(tests/find-node.sh)" --test ui_container/tests/js/

test-app: .venv/algo-test/.ready .venv/ui-test/.ready .venv/tests/.browser ## Both programs together, in a real browser
	$(IN_TESTS) -m pytest tests --ignore tests/containers --ignore tests/swarm --ignore tests/vagrant

# In this order: the emulated machine, which must not be slowed down, is alone by then.
test-machines: .venv/ui-test/.ready .venv/tests/.browser ## Containers, a swarm, a virtual machine: each where it can be had
	$(IN_TESTS) -m pytest tests/containers tests/swarm tests/vagrant

test-containers: .venv/tests/.browser ## Both programs as containers, on this machine's Docker Engine or one of our own
	REQUIRE_CONTAINERS=1 tests/containers/engine.sh $(KEPT)/engine $(IN_TESTS) -m pytest tests/containers

test-swarm: .venv/ui-test/.ready .venv/tests/.browser ## The stack for Docker Swarm on two engines of our own (root on Debian)
	REQUIRE_SWARM=1 SWARM_WORK=$(KEPT)/swarm tests/containers/engine.sh $(KEPT)/engine $(IN_TESTS) -m pytest tests/swarm

test-vagrant: .venv/tests/.browser ## `vagrant up` on an emulated machine (root on Debian, ten minutes)
	tests/vagrant/install.sh
	REQUIRE_VAGRANT=1 VAGRANT_WORK=$(KEPT)/vagrant tests/containers/engine.sh $(KEPT)/engine $(IN_TESTS) -m pytest tests/vagrant

publish: ## Build both images for both architectures and push them (DOCKERHUB_USER=you)
	bonus/publish.sh

fuzz: .venv/algo-test/.ready .venv/ui-test/.ready ## Feed a million damaged pictures, bodies, CSVs, manifests and models to what reads them (FUZZ_INPUTS, FUZZ_SEED)
	export FUZZ_INPUTS="$${FUZZ_INPUTS:-1000000}" FUZZ_SEED="$${FUZZ_SEED:-$$RANDOM}"; \
	$(IN_UI_TESTS) -m pytest ui_container/tests/test_fuzz.py ui_container/tests/test_api.py && $(IN_ALGO_TESTS) -m pytest algo_container/tests/test_fuzz.py

check: .venv/tests/.ready .venv/ui/.ready .venv/algo/.ready .venv/ui-test/.ready .venv/algo-test/.ready ## Formatter, linters, types, locks, vulnerabilities, list of parts, translations, schema
	.venv/tests/bin/ruff format --check .
	.venv/tests/bin/ruff check .
	cd algo_container && ../$(IN_ALGO_TESTS) -m mypy trainer cnn_mnist.py
	cd ui_container && ../$(IN_UI_TESTS) -m mypy digit_ui
	find . \( -path ./.venv -o -path ./.git \) -prune -o \( -name '*.sh' -o -path ./.ci/run \) -print0 | xargs -0 .venv/tests/bin/shellcheck --exclude SC2016
	tests/check-locks.sh
	tests/check-supply-chain.sh
	tests/check-translations.sh
	$(IN_TESTS) -m pytest tests/test_schema.py

format: .venv/tests/.ready ## Format and mend what can be mended by itself
	.venv/tests/bin/ruff format .
	.venv/tests/bin/ruff check --fix .

lock: $(UV) ## Lock every requirements.in anew
	cd "$${LOCK_DIR:-.}" && for name in $(LOCKED); do $(LOCK) $${UPGRADE:+--upgrade} $$name.in -o $$name.txt; done

migration: .venv/ui/.ready ## Write the next step of the feedback store's tables, for what has changed in database.py (NAME=what_it_does)
	cd ui_container && ../.venv/ui/bin/python make_migration.py "$${NAME:?what does it do? make migration NAME=add_a_colour}"

copy-feedback: .venv/ui/.ready ## Copy the feedback into another, empty database, as from SQLite into PostgreSQL (FROM=url TO=url)
	cd ui_container && ../.venv/ui/bin/python -m digit_ui.copying "$${FROM:?which database? FROM=sqlite:////folder/feedback.db}" "$${TO:?into which? TO=postgresql://user:password@host/database}"

vectors: .venv/ui-test/.ready ## Write the drawings anew with which the page's preparation is compared with the server's
	cd ui_container && PYTHONPATH=.:tests ../$(IN_UI_TESTS) tests/network_input_vectors.py

translations: .venv/ui/.ready ## Compile the English words after a change of messages.po
	.venv/ui/bin/pybabel compile --directory ui_container/digit_ui/translations

bench: bench-serving bench-page bench-steps bench-training bench-reading bench-store ## Measure all that is fast or small, an hour, and write it into benchmarks/README.md (DATA=folder STROKES=file.jsonl.gz)
	$(MAKE) report

bench-quick: .venv/algo/.ready .venv/ui/.ready .venv/baselines/.ready ## Fail if a ratio is below half of what is aimed at (DATA=folder, three minutes; needs `wrk`)
	.venv/algo/bin/python benchmarks/quick.py "$${DATA:-shared}" training reading
	.venv/ui/bin/python benchmarks/quick.py "$${DATA:-shared}" store serving

bench-serving: .venv/ui/.ready .venv/baselines/.ready ## Measure the server under load against a tutorial's, its start and memory (needs `wrk`)
	.venv/ui/bin/python benchmarks/serving.py

soak: .venv/ui/.ready ## Keep the server under load of 8 clients, and fail if a request fails or memory or waiting grows (MINUTES=10; needs `wrk`)
	.venv/ui/bin/python benchmarks/soak.py --minutes "$${MINUTES:-10}"

bench-page: .venv/ui-test/.ready .venv/tests/.browser ## Measure the page: bytes, first paint on a slow phone, ink, questions while drawing
	$(IN_TESTS) benchmarks/page.py

bench-static: .venv/ui-test/.ready .venv/tests/.browser $(RUNTIME) ## Measure the page without a server: bytes, first load, time of an answer
	$(IN_TESTS) benchmarks/static_page.py

bench-swarm: .venv/ui-test/.ready .venv/tests/.browser ## Measure 1, 2 and 4 replicas in a swarm, and what it costs to lose each part (root on Debian; needs `wrk`, 10 minutes)
	SWARM_WORK=$(KEPT)/swarm tests/containers/engine.sh $(KEPT)/engine $(IN_TESTS) benchmarks/swarm_load.py

report: .venv/algo/.ready ## Bring the tables and charts of benchmarks/README.md up to date with benchmarks/results/
	.venv/algo/bin/python benchmarks/report.py

bench-reading: .venv/algo/.ready ## Measure how the training CSV is read, first and later, and how that grows with rows (DATA=folder)
	.venv/algo/bin/python benchmarks/reading.py "$${DATA:-shared}"

bench-steps: .venv/algo/.ready ## Measure how long an epoch takes against plain `fit`
	.venv/algo/bin/python benchmarks/steps.py

bench-training: .venv/algo/.ready ## Measure whole trainings against plain `fit`, over epochs and rows (DATA=folder, 25 minutes)
	.venv/algo/bin/python benchmarks/training.py "$${DATA:-shared}"

bench-workers: .venv/algo/.ready ## Measure training by 1, 2 and 4 workers: pictures a second, exchange, accuracy (DATA=folder, 20 minutes)
	.venv/algo/bin/python benchmarks/workers.py "$${DATA:-shared}"

bench-shards: .venv/algo/.ready ## Measure memory and time of reading shards of up to 6 million rows (DATA=folder, 10 minutes)
	.venv/algo/bin/python benchmarks/shards.py "$${DATA:-shared}"

bench-kernels: .venv/algo/.ready ## Compare kernel sizes on held-out training rows (DATA=folder)
	.venv/algo/bin/python benchmarks/kernels.py "$${DATA:-shared}"

bench-drawn: .venv/ui/.ready ## Measure the share of drawn digits that is read right (STROKES=file.jsonl.gz)
	.venv/ui/bin/python benchmarks/drawn.py "$${STROKES:?a stroke file is needed: make bench-drawn STROKES=file.jsonl.gz}"

bench-numbers: .venv/ui/.ready ## Measure the share of numbers of several digits that is read right (STROKES=file.jsonl.gz)
	.venv/ui/bin/python benchmarks/read_numbers.py "$${STROKES:?a stroke file is needed: make bench-numbers STROKES=file.jsonl.gz}"

bench-non-digits: .venv/ui/.ready ## Measure how much of what is no digit is refused (STROKES=file.jsonl.gz)
	.venv/ui/bin/python benchmarks/non_digits.py "$${STROKES:?a stroke file is needed: make bench-non-digits STROKES=file.jsonl.gz}"

bench-pictures: .venv/ui/.ready ## Measure what grey paper, shadow, grain, JPEG and specks cost (STROKES=file.jsonl.gz)
	.venv/ui/bin/python benchmarks/pictures.py "$${STROKES:?a stroke file is needed: make bench-pictures STROKES=file.jsonl.gz}"

bench-loop: .venv/ui/.ready .venv/algo/.ready ## Measure what feedback does, what poison does, and what a swap costs (DATA=folder STROKES=file.jsonl.gz)
	.venv/ui/bin/python benchmarks/loop.py "$${DATA:-shared}" "$${STROKES:?a stroke file is needed}"

bench-store: .venv/ui/.ready .venv/algo/.ready ## Measure the feedback store as it grows to a million drawings (STROKES=file.jsonl.gz)
	.venv/ui/bin/python benchmarks/store.py $${STROKES:+"$$STROKES"}

bench-recipe: .venv/algo/.ready ## Measure each lever of the training alone (DATA=folder STROKES=file.jsonl.gz)
	.venv/algo/bin/python benchmarks/recipe.py "$${DATA:-shared}" "$${STROKES:?a stroke file is needed}"

cross-validation: .venv/algo/.ready ## Train the models that bench-drawn measures (DATA=folder STROKES=file.jsonl.gz EPOCHS=12)
	.venv/algo/bin/python benchmarks/cross_validation.py "$${DATA:-shared}" "$${STROKES:?a stroke file is needed}"

clean: ## Remove what the targets above have made, but not what is in shared/
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache static-site ui_container/digit_ui/static/vendor/onnxruntime

$(UV): tests/requirements-setup.txt
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "python3 has no venv module: install it first (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv --clear .venv/setup
	.venv/setup/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

# Compiled at once: a first start would otherwise spend its seconds on that.
.venv/%/.ready: $(UV)
	$(UV) venv --quiet --clear --python '>=3.11,<3.14' .venv/$*
	VIRTUAL_ENV=.venv/$* $(UV) pip install --quiet --require-hashes --compile-bytecode -r $(filter %.txt,$^)
	touch $@

.venv/ui/.ready: ui_container/requirements.txt
.venv/algo/.ready: algo_container/requirements.txt
.venv/ui-test/.ready: ui_container/requirements-test.txt
.venv/algo-test/.ready: algo_container/requirements-test.txt
.venv/tests/.ready: tests/requirements.txt
.venv/baselines/.ready: benchmarks/baselines/requirements.txt

.venv/tests/.browser: .venv/tests/.ready
	tests/install-browser.sh
	touch $@

.PHONY: help run train watch retrain rollback pretrained prepared onnx runtime static test test-algo test-ui test-js test-app test-machines test-containers test-swarm test-vagrant publish fuzz check format lock vectors migration copy-feedback translations bench bench-quick bench-serving soak bench-page bench-static bench-swarm report bench-reading bench-steps bench-training bench-workers bench-shards bench-kernels bench-drawn bench-numbers bench-non-digits bench-pictures bench-loop bench-store bench-recipe cross-validation clean
