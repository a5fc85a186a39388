# SPDX-License-Identifier: Apache-2.0
# What runs inside a guest. guest/init is static and freestanding, and is carried inside the program.

# -z noseparate-code: one page-aligned segment less to carry in every initramfs.
GUEST_CFLAGS := -std=gnu11 $(WARNINGS) -Os -g0 -ffreestanding -fno-stack-protector -fno-pie -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -fno-builtin -fno-strict-aliasing
GUEST_LDFLAGS := -static -nostdlib -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack -Wl,-z,noseparate-code -s

INIT_SOURCES := guest/init.c $(wildcard guest/init_*.c)

$(BUILD)/guest/init: $(INIT_SOURCES) $(wildcard guest/*.h) guest/guest.mk
	@mkdir -p $(@D)
	$(Q)echo "  GUEST $@"; $(CC) -I. -DGUEST_SYS_H='"guest/sys_$(ARCH).h"' $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ $(INIT_SOURCES)

# vmm/init_blob.c includes the binary by .incbin.
$(BUILD)/vmm/init_blob.o: $(BUILD)/guest/init
