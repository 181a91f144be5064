# Everything a developer or a first visitor needs. `make run` and `make test` work on a fresh machine
# that has python3 (3.11 or newer, with venv) and make.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOCK := --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --quiet

.PHONY: run demo test check format bench rig pictures
.PHONY: test-machine test-install test-image deb release image lock clean

run: $(READY)
	@$(BIN)/doorward sandbox

demo: $(READY)
	@$(BIN)/doorward demo

test: $(READY)
	$(BIN)/python -m pytest -n auto

# Emulated machines; as root. Some of it alone: make test-machine NAMES="relay-killed wiegand"
test-machine: $(READY)
	$(BIN)/python -m tests.machine $(NAMES)

# The Debian package in clean Debians with a booted systemd; as root. Emulated: make test-install ARCH=armhf
test-install: $(READY)
	$(BIN)/python -m tests.install $(if $(ARCH),--arch $(ARCH))

# The disk image in an emulator, its power cut; as root. The Raspberry Pi's: make test-image ARCH=arm64
test-image: $(READY)
	$(BIN)/python -m tests.image $(if $(ARCH),--arch $(ARCH))

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n auto

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)
	$(BIN)/python -m bench

rig: $(READY)
	@$(BIN)/python -m bench.rig

# Pictures of the console and transcripts of the commands in docs/; needs chromium and chromedriver.
pictures: $(READY)
	@$(BIN)/python -m release.pictures

# dist/doorward_<version>_<arch>.deb; for another architecture: make deb ARCH=arm64
deb: $(READY)
	@$(BIN)/python -m release.deb $(if $(ARCH),--arch $(ARCH))

# The same, signed with the maintainers' private key: make release KEY=~/doorward.key
release: deb
	@$(BIN)/python -m release.sign --key $(KEY) dist/*.deb

# dist/doorward_<version>_<arch>.img.xz, as root; for a Raspberry Pi 3 or 4: make image ARCH=arm64
image: $(READY)
	@$(BIN)/python -m release.image $(if $(ARCH),--arch $(ARCH))

# Needs `uv` on the path; the result is committed, so only a change of dependencies needs it.
lock:
	uv pip compile $(LOCK) pyproject.toml -o requirements.lock
	uv pip compile $(LOCK) --all-extras -c requirements.lock pyproject.toml -o requirements-hardware.lock
	uv pip compile $(LOCK) --group dev -c requirements.lock pyproject.toml -o requirements-dev.lock

$(READY): pyproject.toml requirements-dev.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis var
