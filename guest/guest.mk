# SPDX-License-Identifier: Apache-2.0
# What runs inside a guest or a container. guest/init and guest/reaper are static and freestanding, and are carried inside the program.

# -z noseparate-code, norelro: page-aligned segments less to carry in every initramfs. A page has 64 KiB on some AArch64 guests.
GUEST_CFLAGS := -std=gnu11 $(CROSS_FLAGS) $(WARNINGS) -Oz $(SMALL_GCC) -g0 -ffreestanding -fno-stack-protector -fno-pie \
	-fno-unwind-tables -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -fno-builtin -fno-strict-aliasing
GUEST_LDFLAGS := -static -nostdlib -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,noseparate-code -Wl,-z,norelro -s

INIT_SOURCES := guest/init.c $(wildcard guest/init_*.c)

$(BUILD)/guest/init: $(INIT_SOURCES) $(wildcard guest/*.h) guest/guest.mk
	@mkdir -p $(@D)
	$(Q)echo "  GUEST $@"; $(CC) -I. -DGUEST_SYS_H='"guest/sys_$(ARCH).h"' $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ $(INIT_SOURCES)

# vmm/init_blob.c includes the binary by .incbin.
$(BUILD)/vmm/init_blob.o: $(BUILD)/guest/init

# A container's first process, carried inside the program as well.
$(BUILD)/guest/reaper: guest/reaper.c guest/init_parse.c $(wildcard guest/*.h) guest/guest.mk
	@mkdir -p $(@D)
	$(Q)echo "  GUEST $@"; $(CC) -I. -DGUEST_SYS_H='"guest/sys_$(ARCH).h"' $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ guest/reaper.c guest/init_parse.c

$(BUILD)/ctr/reaper_blob.o: $(BUILD)/guest/reaper

# What measures from inside a rung of `tinyvmm bench`.
PROBE_SOURCES := $(wildcard guest/probe*.c) guest/init_memory.c

$(BUILD)/guest/probe: $(PROBE_SOURCES) $(wildcard guest/*.h) guest/guest.mk
	@mkdir -p $(@D)
	$(Q)echo "  GUEST $@"; $(CC) -I. -DGUEST_SYS_H='"guest/sys_$(ARCH).h"' $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ $(PROBE_SOURCES)

$(BUILD)/bench/probe.o: $(BUILD)/guest/probe.gz

# The bare-metal test guest (guest/bare): boots instead of a kernel, and comes in two ways. On x86_64 one is an ELF file with a PVH note,
# the other has none and is started at its 64-bit entry; on AArch64 they are Images, one at the beginning of RAM, the other behind it.
BARE := $(BUILD)/guest/bare
BARE_SOURCES := $(wildcard guest/bare/*.c guest/bare/$(ARCH)/*.c guest/bare/$(ARCH)/entry.S)
BARE_FLAGS_x86_64 := -mgeneral-regs-only -mno-red-zone -fcf-protection=none
BARE_FLAGS_aarch64 := -mgeneral-regs-only -mno-outline-atomics
BARE_FIRST_x86_64 := guest/bare/x86_64/pvh_note.S
BARE_FIRST_aarch64 := -Wl,--defsym=text_offset=0
BARE_SECOND_aarch64 := -Wl,--defsym=text_offset=0x80000
BARE_FINISH_aarch64 = && $(CROSS)objcopy -O binary $@
BARE_CFLAGS := -std=gnu11 $(CROSS_FLAGS) $(WARNINGS) -O2 -g0 -ffreestanding -fno-stack-protector -fno-pie \
	-fno-asynchronous-unwind-tables -fno-builtin -fno-strict-aliasing $(BARE_FLAGS_$(ARCH))
BARE_CPPFLAGS := -I. -DGUEST_BARE_INLINE_H='"guest/bare/$(ARCH)/inline.h"'
BARE_LDFLAGS := -static -nostdlib -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,max-page-size=0x1000 \
	-Wl,-T,guest/bare/$(ARCH)/bare.lds

$(BARE) $(BARE)-linux: $(BARE_SOURCES) $(wildcard guest/bare/*.h guest/bare/$(ARCH)/*) guest/guest.mk
	@mkdir -p $(@D)
	$(Q)echo "  GUEST $@"; $(CC) $(BARE_CPPFLAGS) $(BARE_CFLAGS) -o $@ $(BARE_SOURCES) \
		$(if $(filter $(BARE),$@),$(BARE_FIRST_$(ARCH)),$(BARE_SECOND_$(ARCH))) $(BARE_LDFLAGS) $(BARE_FINISH_$(ARCH))

# Whom it sends a datagram to, on the host's side.
$(BARE)-peer: tests/guest/peer.c
	@mkdir -p $(@D)
	$(Q)echo "  CC    $@"; $(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $<

.PHONY: guest-bare
guest-bare: $(BARE) $(BARE)-linux $(BARE)-peer
