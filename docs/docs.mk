# SPDX-License-Identifier: Apache-2.0
# The manual, and the installation of what users need.

MANUAL := $(BUILD)/docs/tinyvmm.1 $(BUILD)/docs/tinyvmm-ctr.1 $(BUILD)/docs/tinyvmm-bench.1 $(BUILD)/docs/tinyvmm-contrast.1

$(BUILD)/docs/%.1: docs/%.1.scd
	@mkdir -p $(@D)
	$(Q)echo "  MAN   $@"; scdoc <$< >$@

.PHONY: man install uninstall
man: $(MANUAL) ## the manual pages, build/<arch>/docs/*.1

INSTALL ?= install
BIN_DIR := $(DESTDIR)$(PREFIX)/bin
MAN_DIR := $(DESTDIR)$(PREFIX)/share/man/man1
BASH_DIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSH_DIR := $(DESTDIR)$(PREFIX)/share/zsh/site-functions

install: $(BUILD)/tinyvmm $(MANUAL) ## program, manual, completion (DESTDIR=, PREFIX=/usr/local)
	$(INSTALL) -D -m 755 $(BUILD)/tinyvmm $(BIN_DIR)/tinyvmm
	$(STRIP) $(BIN_DIR)/tinyvmm
	$(INSTALL) -d $(MAN_DIR)
	$(INSTALL) -m 644 $(MANUAL) $(MAN_DIR)
	$(INSTALL) -D -m 644 completion/tinyvmm.bash $(BASH_DIR)/tinyvmm
	$(INSTALL) -D -m 644 completion/_tinyvmm $(ZSH_DIR)/_tinyvmm

uninstall: ## remove what install put there
	rm -f $(BIN_DIR)/tinyvmm $(MANUAL:$(BUILD)/docs/%=$(MAN_DIR)/%) $(BASH_DIR)/tinyvmm $(ZSH_DIR)/_tinyvmm
