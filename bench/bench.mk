# SPDX-License-Identifier: Apache-2.0
# Measurements. What they mean and what they gave: docs/PERFORMANCE.md.

$(BUILD)/bench/measure: bench/measure.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) -std=gnu11 $(WARNINGS) -O2 -static -s -o $@ $<

.PHONY: bench-vmm
bench-vmm: ## tinyvmm beside QEMU, in numbers (ROUNDS=3, BENCH='boot io ...', PEER='name=command'; some ten minutes)
	@scripts/install-deps.sh build bench
	@$(MAKE) --no-print-directory tinyvmm $(BUILD)/bench/measure
	@$(STRIP) -o $(BUILD)/bench/tinyvmm $(BUILD)/tinyvmm
	@bench/bench-vmm.sh $(BUILD)/bench/tinyvmm $(BUILD)/bench/measure
