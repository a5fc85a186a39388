# SPDX-License-Identifier: Apache-2.0
# Measurements. What they mean and what they gave: docs/PERFORMANCE.md.

$(BUILD)/bench/measure: bench/peers/measure.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) -std=gnu11 $(WARNINGS) -O2 -static -s -o $@ $<

$(BUILD)/bench/first-run.so: bench/peers/first-run.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) -std=gnu11 $(CROSS_FLAGS) $(WARNINGS) -O2 -shared -fPIC -s -o $@ $<

BENCH_PROGRAMS := $(BUILD)/bench/measure $(BUILD)/bench/first-run.so

.PHONY: bench-vmm
bench-vmm: ## tinyvmm beside QEMU, in numbers (ARCH=, BOARD=, ROUNDS=3, BENCH='boot io ...', PEER='name=command'; some ten minutes)
	@scripts/install-deps.sh $(if $(CROSS),bench-$(ARCH),build bench)
	@$(MAKE) --no-print-directory tinyvmm $(BENCH_PROGRAMS) $(if $(CROSS),,$(BUILD)/scripts/nested/hold-vm)
	@$(STRIP) -o $(BUILD)/bench/tinyvmm $(BUILD)/tinyvmm
	@ARCH=$(ARCH) STRIP=$(STRIP) bench/peers/bench-vmm.sh $(BUILD)/bench/tinyvmm $(BENCH_PROGRAMS)

$(BUILD)/bench/rounds: bench/peers/rounds.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) -std=gnu11 $(WARNINGS) -O2 -static -s -o $@ $<

.PHONY: bench-ctr
bench-ctr: ## a container's start beside bubblewrap, crun, runc, unshare and chroot (ROUNDS=100; takes root)
	@scripts/install-deps.sh build bench-ctr
	@$(MAKE) --no-print-directory tinyvmm $(BUILD)/bench/rounds
	@$(STRIP) -o $(BUILD)/bench/tinyvmm $(BUILD)/tinyvmm
	@bench/peers/bench-ctr.sh $(BUILD)/bench/tinyvmm $(BUILD)/bench/rounds
