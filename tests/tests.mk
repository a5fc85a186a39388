# SPDX-License-Identifier: Apache-2.0
# Tests. tests/unit mirrors the source tree: tests/unit/vmm/core/test_mem.c tests vmm/core/mem.c, one cmocka binary each.

UNIT_SOURCES := $(wildcard tests/unit/*/test_*.c tests/unit/*/*/test_*.c)
UNIT_SOURCES := $(filter-out $(foreach a,$(filter-out $(ARCH),x86_64 aarch64),tests/unit/arch/$(a)/%),$(UNIT_SOURCES))
# What of AArch64 is plain C is tested on every host. Its objects are linked before the library, where this architecture's have the same
# names.
PORTABLE := $(if $(filter aarch64,$(ARCH)),,fdt host load)
UNIT_SOURCES += $(PORTABLE:%=tests/unit/arch/aarch64/test_%.c)
UNIT_TESTS := $(UNIT_SOURCES:%.c=$(BUILD)/%)
FAKES := $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/fakes/*.c))

$(PORTABLE:%=$(BUILD)/tests/unit/arch/aarch64/test_%): OTHERS := $(PORTABLE:%=$(BUILD)/arch/aarch64/%.o) $(LIBS_aarch64)
$(PORTABLE:%=$(BUILD)/tests/unit/arch/aarch64/test_%): $(PORTABLE:%=$(BUILD)/arch/aarch64/%.o)

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(FAKES) $(BUILD)/libtinyvmm.a
	$(Q)echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(FAKES) $(OTHERS) $(BUILD)/libtinyvmm.a $(LIBS) -lcmocka
.PRECIOUS: $(BUILD)/%.o

.PHONY: unit-tests list-unit-tests check-unit
unit-tests: $(UNIT_TESTS)
list-unit-tests:
	@printf '%s\n' $(UNIT_TESTS)
check-unit: unit-tests ## unit tests (SAN=address,undefined or SAN=thread for sanitizers)
	@failed=0; for t in $(UNIT_TESTS); do $$t >$$t.log 2>&1 || { failed=1; echo "FAILED: $$t"; cat $$t.log; }; done; \
	cat $(UNIT_TESTS:%=%.log) | grep -c '\[       OK \]' | sed 's/$$/ unit tests passed/'; exit $$failed

# What the containers' tests run besides, also where there is no compiler and no C library.
TESTS_CTR := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/ctr/*.c))

$(BUILD)/tests/ctr/%: tests/ctr/%.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) -std=gnu11 $(CROSS_FLAGS) $(WARNINGS) -O2 -static -s -o $@ $<

# Writes the pages that tests/pages looks at.
$(BUILD)/tests/pages/%: $(BUILD)/tests/pages/%.o $(BUILD)/libtinyvmm.a
	$(Q)echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: tests-ctr
tests-ctr: $(TESTS_CTR)

# Fuzz targets: tests/fuzz/fuzz_NAME.c, libFuzzer with address and undefined-behaviour sanitizers, seeds in tests/fuzz/seeds/NAME/.
FUZZ_SOURCES := $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_TARGETS := $(FUZZ_SOURCES:%.c=$(BUILD)/%)
FUZZ_SECONDS ?= 5

$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(FAKES) $(BUILD)/libtinyvmm.a
	$(Q)echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< $(FAKES) $(BUILD)/libtinyvmm.a $(LIBS)

.PHONY: fuzz-targets fuzz-smoke fuzz
fuzz-targets: $(FUZZ_TARGETS)
fuzz-smoke: ## each fuzz target for FUZZ_SECONDS (5), two at a time
	@$(MAKE) --no-print-directory CC=clang SAN=fuzzer-no-link,address,undefined fuzz-targets
	@tests/fuzz/run.sh build/$(ARCH)-clang-fuzzer-no-link-address-undefined/tests/fuzz $(FUZZ_SECONDS)
fuzz: ## each fuzz target for ten minutes
	@$(MAKE) --no-print-directory fuzz-smoke FUZZ_SECONDS=600

# Everything, as continuous integration does it (tests/run.sh); and its parts.
.PHONY: check check-static check-guest check-nested check-nested-aarch64 aarch64-deps pages-deps
check: aarch64-deps pages-deps ## install what the tests need and run all of them
	@tests/run.sh
# Packages of AArch64 are not to be had everywhere: without them its tests are skipped, and say why
aarch64-deps:
	@scripts/install-deps.sh build test
	@scripts/install-deps.sh demo-aarch64 || echo "no packages of AArch64: its tests will be skipped" >&2
# A distribution may have no package of it: that test is skipped, and says why
pages-deps:
	@scripts/install-deps.sh pages || echo "no browser: what looks at pages will be skipped" >&2
check-static: ## compilers' warnings, lint, layers
	@tests/run.sh static
check-guest: ## scripts on this machine's own /dev/kvm, software-emulated or not
	@tests/run.sh scripts
check-nested: ## stock kernels, inside emulated hardware where this machine has no virtualization
	@scripts/install-deps.sh build test
	@tests/run.sh nested
check-nested-aarch64: aarch64-deps ## stock kernels on emulated boards: GICv2 as in a Raspberry Pi 4, GICv3, Raspberry Pi 3
	@tests/run.sh nested-aarch64
