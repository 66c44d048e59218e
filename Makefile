# Each target does all of its own set-up on a fresh Debian 12 or Ubuntu machine.
.PHONY: install system venv terraform cloud-init demo lab lab-down test lint matrix-kill
.DEFAULT_GOAL := install

PYTHON ?= python3
VENV := .venv
TOOLS := $(CURDIR)/.tools
BIN := $(VENV)/bin
TERRAFORM_VERSION := 1.11.4
export PATH := $(CURDIR)/$(BIN):$(TOOLS):$(PATH)

# Debian's names of what the tool, the lab's hosts and the tests run.
PACKAGES := ca-certificates curl unzip python3-venv iproute2 iptables ipset nftables openssh-server openssh-client \
	sudo frr frr-pythontools conntrack tcpdump iputils-ping iputils-arping dbus systemd procps util-linux kmod \
	netcat-openbsd gpg gpg-agent

# A mirror of Terraform's providers on this machine, where there is one; else the vendor's registry is used.
EDGEWRAP_PLUGIN_DIR ?= $(shell find /opt -maxdepth 5 -type d -path '*/hashicorp/aws' 2>/dev/null | head -n 1 | \
	sed 's|/[^/]*/hashicorp/aws$$||')
export EDGEWRAP_PLUGIN_DIR

install: system venv terraform cloud-init

system:
	@missing=$$(for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || printf '%s ' $$p; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "missing (sudo apt-get install): $$missing"; exit 0; fi; \
	echo "installing $$missing"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null

venv: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt | system
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install --quiet --disable-pip-version-check \
		--editable '.[lab,dev]' 2>&1 | grep -v '^WARNING: Location' || true
	$(BIN)/edgewrap --version
	@touch $@

# From the vendor, checked against the vendor's checksums, only where there is none yet.
terraform: | system
	@command -v terraform >/dev/null && exit 0; \
	arch=$$(dpkg --print-architecture); name=terraform_$(TERRAFORM_VERSION)_linux_$$arch.zip; \
	base=https://releases.hashicorp.com/terraform/$(TERRAFORM_VERSION); dir=$$(mktemp -d); \
	{ curl -fsSL -o $$dir/$$name $$base/$$name && \
	curl -fsSL -o $$dir/SHA256SUMS $$base/terraform_$(TERRAFORM_VERSION)_SHA256SUMS && \
	(cd $$dir && grep " $$name$$" SHA256SUMS | sha256sum --check --quiet) && \
	mkdir -p $(TOOLS) && unzip -qo $$dir/$$name terraform -d $(TOOLS); } || \
	{ echo "terraform is missing: install it from https://developer.hashicorp.com/terraform/install"; exit 1; }

# The distribution's own cloud-init and the modules that it needs, for the lab's hosts. It is unpacked, never installed: an
# installed one would run at this machine's next boot and take it for a new instance.
CLOUD_INIT := $(TOOLS)/cloud-init
cloud-init: $(CLOUD_INIT)/.unpacked
$(CLOUD_INIT)/.unpacked: | system
	@set -e; dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; mkdir -p $$dir/archives/partial $(CLOUD_INIT)/tree/usr; \
	download() { apt-get install -qq --download-only --yes --no-install-recommends -o Debug::NoLocking=1 \
		-o Dir::Cache::archives=$$dir/archives -o APT::Sandbox::User=$$(id -un) cloud-init >/dev/null; }; \
	download || { [ "$$(id -u)" = 0 ] && apt-get update -qq && download; } || \
		{ echo 'cloud-init could not be downloaded: hosts of the lab will not set themselves up'; exit 0; }; \
	for package in $$dir/archives/cloud-init_*.deb $$dir/archives/python3-*.deb; do \
		[ ! -f $$package ] || dpkg-deb --fsys-tarfile $$package | tar -x -C $(CLOUD_INIT)/tree ./usr; \
	done; \
	/usr/bin/python3 -m compileall -q $(CLOUD_INIT)/tree || true; touch $@

DEMO := edgewrap lab exec --name demo --
SPEC := docs/examples/edge.yaml
demo: install
	@set -e; edgewrap lab up --name demo; trap 'edgewrap lab down --name demo' EXIT; \
	echo '--- apply'; $(DEMO) edgewrap apply --file $(SPEC) --auto-approve; \
	echo '--- status'; $(DEMO) edgewrap status --file $(SPEC); \
	echo '--- apply again'; $(DEMO) edgewrap apply --file $(SPEC) --auto-approve

lab: install
	@$(BIN)/edgewrap lab up
lab-down: install
	@$(BIN)/edgewrap lab down

lint: venv
	$(BIN)/ruff check edgewrap tests
	$(BIN)/ruff format --check edgewrap tests
	$(BIN)/mypy

# Two workers for two cores, each with whole files: the tests of a file may share a lab, or stand in an order. The
# slowest files come first. A third one saves two minutes and puts what is timed under more load: to find races.
test: install lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Runs killed at every point of their lives; both files tell `tried N converged N` at the end. About twenty minutes.
matrix-kill: install
	EDGEWRAP_KILL_POINTS=all $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 7200 tests/e2e/test_killed.py tests/e2e/test_killed_aws.py
