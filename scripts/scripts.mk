# SPDX-License-Identifier: Apache-2.0
# Goals that need more than a compiler: scripts/install-deps.sh brings it.

$(BUILD)/scripts/%: scripts/%.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) -std=gnu11 $(WARNINGS) -O2 -static -s -o $@ $<

.PHONY: demo
demo: ## boot a stock kernel to a shell, or through a scripted tour where there is no terminal
	@scripts/install-deps.sh build demo
	@$(MAKE) --no-print-directory tinyvmm $(BUILD)/scripts/nameserver $(BUILD)/scripts/nested/hold-vm
	@scripts/demo.sh $(BUILD)/tinyvmm $(BUILD)/scripts/nameserver
