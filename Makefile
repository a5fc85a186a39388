# SPDX-License-Identifier: Apache-2.0
#
# tinyvmm's build. `make` alone lists the goals. Objects go to build/; nothing is written beside a source file.
#
#   make tinyvmm                     the program, build/<arch>/tinyvmm
#   make CC=clang tinyvmm            with another compiler
#   make SAN=address,undefined check-unit
#
# The parts that test and measure have fragments of their own, included at the end.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

HOST_ARCH := $(shell uname -m)
ARCH ?= $(HOST_ARCH)
VERSION := 0.1.0

ifneq ($(ARCH),$(HOST_ARCH))
CROSS ?= $(ARCH)-linux-gnu-
ifeq ($(origin CC),default)
CC := $(CROSS)gcc
endif
# The other architecture's libraries: those that scripts/get-system.sh unpacked, or, without them, the multi-arch ones of this host.
SYSROOT ?= $(wildcard $(CURDIR)/demo/$(ARCH)/system)
endif
ifeq ($(origin CC),default)
CC := gcc
endif
STRIP ?= $(CROSS)strip
ifneq ($(SYSROOT),)
PKG_CONFIG ?= PKG_CONFIG_SYSROOT_DIR=$(SYSROOT) \
	PKG_CONFIG_LIBDIR=$(SYSROOT)/usr/lib/$(ARCH)-linux-gnu/pkgconfig:$(SYSROOT)/usr/share/pkgconfig pkg-config
endif
PKG_CONFIG ?= $(CROSS)pkg-config

comma := ,
# V=1 shows the commands.
Q := $(if $(V),,@)
SAN ?=
BUILD := build/$(ARCH)$(if $(findstring clang,$(CC)),-clang)$(if $(SAN),-$(subst $(comma),-,$(SAN)))

PREFIX ?= /usr/local
DESTDIR ?=

# --- flags -------------------------------------------------------------------------------------------------------------------

# KVM's ioctls take a struct that ends in an array and the array right behind it, which clang calls an extension.
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wvla -Wformat=2 \
	-Wno-sign-conversion -Wno-gnu-variable-sized-type-not-at-end
HARDENING := -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2
OPTIMIZE ?= -O2 -g
# Sections of their own, so that the linker can drop what nothing calls: the program has a size budget.
SIZE := -ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables -fvisibility=hidden

ifneq ($(SAN),)
# fortified calls hide errors from the sanitizers
HARDENING := -fPIE
OPTIMIZE := -O1 -g -fno-omit-frame-pointer
SIZE :=
SAN_FLAGS := -fsanitize=$(SAN) $(if $(findstring undefined,$(SAN)),-fno-sanitize-recover=undefined)
endif

CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DVERSION='"$(VERSION)"'
CFLAGS ?=
# clang is one compiler for all architectures, and warns of hardening that it has not for this one.
CROSS_CLANG := $(if $(CROSS),$(if $(findstring clang,$(CC)),--target=$(ARCH)-linux-gnu -Wno-unused-command-line-argument))
CROSS_FLAGS := $(CROSS_CLANG) $(if $(SYSROOT),--sysroot=$(SYSROOT))
ALL_CFLAGS := -std=gnu11 $(CROSS_FLAGS) $(WARNINGS) $(OPTIMIZE) $(HARDENING) $(SIZE) $(SAN_FLAGS) $(CFLAGS)
# Debian 12's linker can't yet for AArch64.
PACKED_x86_64 := -Wl,-z,pack-relative-relocs
ALL_LDFLAGS := -pie -Wl,-z,relro,-z,now $(PACKED_$(ARCH)) -Wl,-z,noexecstack -Wl,--gc-sections -Wl,--as-needed -Wl,-O2 $(SAN_FLAGS) $(LDFLAGS)
# Libraries that only some runs need are loaded by those runs (vmm/util/lib.h): here only their headers count.
# The device tree's, for the one architecture that has one.
LIBS_aarch64 := -l:libfdt.a
LIBS := -l:liburing.a $(LIBS_$(ARCH)) -lpthread

# libslirp's header includes glib's.
$(BUILD)/devices/net/%.o $(BUILD)/tests/unit/devices/net/%.o: CPPFLAGS += $(shell $(PKG_CONFIG) --cflags slirp 2>/dev/null)

# --- the program ---------------------------------------------------------------------------------------------------------------

SOURCES := $(filter-out vmm/main.c,$(wildcard vmm/*.c vmm/util/*.c vmm/core/*.c devices/*.c devices/*/*.c ctr/*.c ctr/*/*.c bench/*.c arch/*.c arch/$(ARCH)/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)

.PHONY: tinyvmm
tinyvmm: $(BUILD)/tinyvmm ## build the program

$(BUILD)/tinyvmm: $(BUILD)/vmm/main.o $(BUILD)/libtinyvmm.a
	$(Q)echo "  LINK  $@"; $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# What runs once, in system calls mostly, is better small than fast: all but what moves data
HOT := $(addprefix devices/,virtio/virtqueue.o virtio/blk.o virtio/net.o block/block.o block/ring.o) \
	$(addprefix vmm/,core/mem.o kernel_hash.o)
SMALL = $(if $(filter $(HOT),$(@:$(BUILD)/%=%)),$(UNALIGNED),-Oz $(SMALL_GCC))

UNALIGNED := $(if $(findstring clang,$(CC)),,-fno-align-functions -fno-align-loops -fno-align-jumps -fno-align-labels)
# What GCC 12's -Oz does in spite of its name: 10 KiB
SMALL_GCC := $(if $(findstring clang,$(CC)),,-fno-move-loop-invariants -fno-caller-saves -fno-guess-branch-probability -fno-tree-loop-im \
	-fno-jump-tables -fno-thread-jumps $(if $(filter x86_64,$(ARCH)),-malign-data=abi))

# They include the page's style sheet and a script, whose comments stay here.
$(BUILD)/bench/page_html.o: $(BUILD)/bench/page.css.gz
$(BUILD)/bench/rung_foreign.o: $(BUILD)/bench/qemu.sh.gz
$(BUILD)/bench/%.gz: bench/%
	@mkdir -p $(@D)
	$(Q)gzip -9n <$< >$@
$(BUILD)/bench/%.sh.gz: bench/%.sh
	@mkdir -p $(@D)
	$(Q)sed '/^#/d' $< | gzip -9n >$@
$(BUILD)/%.gz: $(BUILD)/%
	$(Q)gzip -9n <$< >$@

# A fused multiplication, which not every processor has, rounds otherwise: the same samples and seed give the same intervals everywhere.
$(BUILD)/bench/stats.o: ALL_CFLAGS += -ffp-contract=off

$(BUILD)/libtinyvmm.a: $(OBJECTS)
	$(Q)rm -f $@; $(AR) rcs $@ $^

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(Q)echo "  CC    $<"; $(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(SMALL) -MMD -MP -c -o $@ $<

-include $(shell test -d $(BUILD) && find $(BUILD) -name '*.d')

# --- the rest --------------------------------------------------------------------------------------------------------------------

include guest/guest.mk
include tests/tests.mk
include $(wildcard docs/docs.mk bench/peers/bench.mk scripts/scripts.mk)

# --- tools for the sources -------------------------------------------------------------------------------------------------------

ALL_C = $(shell git ls-files '*.c' '*.h')

# varFuncNullUB: NULL is a pointer on every platform that this runs on. uninitvar: cppcheck does not see who else fills a struct or an array
# (LIB_OPEN, a loop); the compilers and clang-tidy tell of what is not set.
CPPCHECK := cppcheck -q -j2 --enable=warning,portability --std=c11 --inline-suppr --error-exitcode=1 -I. -D_GNU_SOURCE -DVERSION='""' \
	-D__x86_64__ --suppress=missingIncludeSystem --suppress=varFuncNullUB --suppress=uninitvar --suppress=normalCheckLevelMaxBranches

SCRIPTS = $(shell git ls-files '*.sh' .ci/run scripts/rootfs/etc/init.d)

# One file a clang-tidy: one that has seen a file already takes every va_start() for missing in the next (version 14).
.PHONY: lint format
lint: compile_commands.json ## cppcheck, clang-tidy (.clang-tidy says which checks and why) and shellcheck
	@scripts/install-deps.sh lint
	$(Q)$(CPPCHECK) vmm devices arch ctr guest/*.c
	$(Q)printf '%s\n' $(SOURCES) vmm/main.c | xargs -P$(shell nproc) -n1 clang-tidy --quiet -p . 2> >(grep -v 'warnings* generated' >&2)
	$(Q)shellcheck -x $(SCRIPTS)
format: ## clang-format on all C sources
	clang-format -i $(ALL_C)

compile_commands.json: Makefile $(SOURCES) ## for editors and clang-tidy
	$(Q)for f in $(SOURCES) vmm/main.c; do \
		printf '{"directory": "%s", "file": "%s", "command": "%s"}\n' "$(CURDIR)" "$$f" \
			"$(subst ",\\\",$(CC) $(CPPFLAGS) $(ALL_CFLAGS) $(shell $(PKG_CONFIG) --cflags slirp 2>/dev/null)) -c $$f"; \
	done | sed '1s/^/[/; $$!s/$$/,/; $$s/$$/]/' >$@

.PHONY: clean help
clean: ## remove build/
	rm -rf build

help: ## this list
	@echo "tinyvmm $(VERSION). Goals:"
	@sed -n 's/^\([a-zA-Z][a-zA-Z0-9_.-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | sort -u | awk -F'\t' '{ printf "%-22s %s\n", $$1, $$2 }'
