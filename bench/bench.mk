# SPDX-License-Identifier: Apache-2.0
# Measurements. They are no tests: nothing fails for being slow.

$(BUILD)/bench/probe: bench/probe.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) -std=gnu11 $(WARNINGS) -O2 -static -s -o $@ $<

.PHONY: bench-vmm
bench-vmm: ## tinyvmm beside QEMU's microvm and q35 (ROUNDS=3; PEER='name=command' adds one)
	@scripts/install-deps.sh build bench
	@$(MAKE) --no-print-directory tinyvmm $(BUILD)/bench/probe
	@bench/bench-vmm.sh $(BUILD)/tinyvmm $(BUILD)/bench/probe
