# SPDX-License-Identifier: Apache-2.0
# What runs inside a guest. guest/init is static and freestanding, and is carried inside the program.

GUEST_CFLAGS := -std=gnu11 $(WARNINGS) -Os -g0 -ffreestanding -fno-stack-protector -fno-pie -fno-asynchronous-unwind-tables \
	-ffunction-sections -fdata-sections -fno-builtin
GUEST_LDFLAGS := -static -nostdlib -no-pie -Wl,--gc-sections -Wl,--build-id=none -Wl,-z,noexecstack -s

$(BUILD)/guest/init: guest/init.c guest/protocol.h $(wildcard guest/*.h)
	@mkdir -p $(@D)
	$(Q)echo "  GUEST $@"; $(CC) -I. $(GUEST_CFLAGS) $(GUEST_LDFLAGS) -o $@ guest/init.c

# vmm/initramfs_init.c includes the binary by .incbin.
$(BUILD)/vmm/init_blob.o: $(BUILD)/guest/init
