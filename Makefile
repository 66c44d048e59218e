# Each target does all of its own set-up on a fresh Debian 12 or Ubuntu 24.04 machine.
.PHONY: install system venv terraform providers cloud-init browser demo lab lab-down lint unit test test-all matrix-kill
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
	netcat-openbsd gpg gpg-agent jq

# What only the tests run. Ubuntu has Chromium as a snap only: tests of pages are skipped there if there is no Chrome.
TEST_PACKAGES := $(shell grep -qs '^ID=ubuntu' /etc/os-release || echo chromium)

# A mirror of Terraform's providers on this machine, if there is one; EDGEWRAP_PLUGIN_DIR= (empty) ignores it.
EDGEWRAP_PLUGIN_DIR ?= $(shell find /opt -maxdepth 5 -type d -path '*/hashicorp/aws' 2>/dev/null | head -n 1 | \
	sed 's|/[^/]*/hashicorp/aws$$||')

install: system venv terraform providers cloud-init

define REQUIRE_PYTHON
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "edgewrap needs Python 3.11 or \
newer, and $(PYTHON) is $$($(PYTHON) --version 2>&1): use Debian 12, Ubuntu 24.04 or newer, or pass PYTHON=python3.12" >&2; exit 1; }
endef

INSTALL_PACKAGES = missing=$$(for p in $1; do dpkg -s $$p >/dev/null 2>&1 || printf '%s ' $$p; done); \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" != 0 ]; then echo "missing (sudo apt-get install): $$missing"; exit 0; fi; \
	echo "installing $$missing"; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null

# An old Python ends it here, before anything is installed. If there is none yet, the packages install one.
system:
	@! command -v $(PYTHON) >/dev/null || $(REQUIRE_PYTHON)
	@$(call INSTALL_PACKAGES,$(PACKAGES))

venv: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt | system
	@$(REQUIRE_PYTHON)
	$(PYTHON) -m venv $(VENV)
	PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install -qq --disable-pip-version-check --no-compile --editable '.[lab,dev]'
	$(BIN)/edgewrap --version
	@touch $@

# The vendor's key, as Terraform itself contains it, and its fingerprint (https://www.hashicorp.com/trust/security), which
# alone is trusted. The key expired after it had signed this version.
TERRAFORM_KEY := terraform/hashicorp-security.asc
TERRAFORM_FINGERPRINT := C874011F0AB405110D02105534365D9472D7468F

# From the vendor, only if there is none yet. It is checked against the vendor's checksums, and these against their
# signature if gpg is there.
terraform: | system
	@command -v terraform >/dev/null && exit 0; \
	arch=$$(dpkg --print-architecture); name=terraform_$(TERRAFORM_VERSION)_linux_$$arch.zip; \
	base=https://releases.hashicorp.com/terraform/$(TERRAFORM_VERSION); dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; \
	signed() { command -v gpg >/dev/null || { echo 'without gpg the signature of the checksums is not verified' >&2; return 0; }; \
		curl -fsSL -o $$dir/signature $$base/terraform_$(TERRAFORM_VERSION)_SHA256SUMS.sig && \
		gpg --homedir $$dir --batch --quiet --import $(TERRAFORM_KEY) && \
		gpg --homedir $$dir --batch --quiet --status-fd 1 --verify $$dir/signature $$dir/SHA256SUMS 2>$$dir/gpg.log | \
		grep -q '^.GNUPG:. VALIDSIG .* $(TERRAFORM_FINGERPRINT)$$' || \
		{ echo "the checksums of Terraform $(TERRAFORM_VERSION) are not signed by HashiCorp: nothing was installed" >&2; \
		cat $$dir/gpg.log >&2; return 1; }; }; \
	{ curl -fsSL -o $$dir/$$name $$base/$$name && \
	curl -fsSL -o $$dir/SHA256SUMS $$base/terraform_$(TERRAFORM_VERSION)_SHA256SUMS && signed && \
	(cd $$dir && grep " $$name$$" SHA256SUMS | sha256sum --check --quiet) && \
	mkdir -p $(TOOLS) && unzip -qo $$dir/$$name terraform -d $(TOOLS); } || \
	{ echo "terraform is missing: install it from https://developer.hashicorp.com/terraform/install"; exit 1; }

# The AWS provider, for the lab: nothing inside it can download one. It comes from the mirror on this machine if there is
# one (as links), else from the registry, and is checked against the lock file in either case.
PROVIDERS := $(TOOLS)/providers
LOCK_FILE := .terraform.lock.hcl
providers: | system terraform
	@cmp -s terraform/providers/$(LOCK_FILE) $(PROVIDERS)/$(LOCK_FILE) && \
		ls $(PROVIDERS)/*/hashicorp/aws/*/*/terraform-provider-aws* >/dev/null 2>&1 && exit 0; \
	set -e; new=$(PROVIDERS).new; rm -rf $$new; mkdir -p $$new; trap 'rm -rf "$$new"' EXIT; \
	cp terraform/providers/*.tf terraform/providers/$(LOCK_FILE) $$new; \
	mirror='$(if $(EDGEWRAP_PLUGIN_DIR),$(abspath $(EDGEWRAP_PLUGIN_DIR)))'; \
	echo "getting the AWS provider from $${mirror:-the Terraform registry (about 150 MB)}"; cd $$new; \
	TF_DATA_DIR=.terraform TF_WORKSPACE= TF_CLI_ARGS= TF_CLI_ARGS_init= terraform init -input=false -no-color \
		-lockfile=readonly $${mirror:+-plugin-dir=$$mirror} >init.log 2>&1 || { cat init.log; \
		echo "The AWS provider is missing. Get access to the registry (HTTPS_PROXY is used), or run" \
		"make providers EDGEWRAP_PLUGIN_DIR=DIR, where DIR is a mirror: terraform -chdir=terraform/providers providers mirror DIR."; exit 1; } >&2; \
	mv $(LOCK_FILE) .terraform/providers; rm -rf $(PROVIDERS); mv .terraform/providers $(PROVIDERS)

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

# A browser, and axe-core, which checks pages for accessibility: from a package that carries it beside a binding to
# another driver, which the tests do not use.
browser: venv
	@$(call INSTALL_PACKAGES,$(TEST_PACKAGES))
	@PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/pip install -qq --disable-pip-version-check --no-deps axe-playwright-python

# The commands of the guide's section, as written there, in a lab of its own; -v shows each before it runs.
demo: install
	@dir=$$(mktemp -d); export EDGEWRAP_LAB_DIR=$$dir/lab; unset EDGEWRAP_SPEC; \
	trap 'edgewrap lab down >/dev/null 2>&1; rm -rf "$$dir"' EXIT; \
	sed -n '/^## In the lab$$/,/^## On AWS$$/s/^    //p' docs/first-hour.md >$$dir/commands; \
	cd $$dir && bash -ev commands

lab: install
	@$(BIN)/edgewrap lab up
lab-down: install
	@$(BIN)/edgewrap lab down

lint: venv
	$(BIN)/ruff check edgewrap tests
	$(BIN)/ruff format --check edgewrap tests
	$(BIN)/codespell
	$(BIN)/mypy

# No root, no Terraform, no network namespaces: half a minute.
unit: venv
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit

# Six workers for two cores, because tests wait a lot. Each takes whole files: the tests of a file may share a lab, or
# depend on their order. The slowest files come first.
PARALLEL := -n 6 --dist loadfile --no-loadscope-reorder
START := $(shell date +%s)
REPORT_TIME = @seconds=$$(( $$(date +%s) - $(START) )); echo "make $@: $$(( seconds / 60 )) min $$(( seconds % 60 )) s"

# All planes on real parts, with a slice of the long matrices: everything that is not marked `full`. About 12 minutes on two cores.
test: install browser lint
	$(BIN)/python -m pytest $(PARALLEL) -m 'not full'
	$(REPORT_TIME)

# The same tests, all of them, with more examples of each property and every point at which a run can be killed.
test-all: install browser lint
	EDGEWRAP_KILL_POINTS=all $(BIN)/python -m pytest $(PARALLEL) --timeout 7200 --hypothesis-profile full
	$(REPORT_TIME)

# Runs killed at every point of their lives; both files show `tried N converged N` at the end. About twenty minutes.
matrix-kill: install
	EDGEWRAP_KILL_POINTS=all $(BIN)/python -m pytest -n 2 --dist loadfile --timeout 7200 tests/e2e/test_killed_aws.py \
		tests/e2e/test_killed_opennebula_and_hosts.py
