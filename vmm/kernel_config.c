// SPDX-License-Identifier: Apache-2.0
/* config-RELEASE: see kernel_config.h. Lines: "CONFIG_X=y", "CONFIG_X=m", "# CONFIG_X is not set" (Documentation/kbuild/kconfig.rst). */
#include "vmm/kernel_config.h"

#include <ctype.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmm/util/io.h"
#include "vmm/util/log.h"

#define CONFIG_LIMIT_BYTES (4u << 20)
#define SYMBOL_MAX 96

void kernel_config_open(struct kernel_config *config, const char *kernel_path, const char *release)
{
	char path[PATH_MAX + 256], kernel[PATH_MAX];

	*config = (struct kernel_config){ .text = NULL };
	if (!release || !release[0] || strchr(release, '/') || strlen(release) > 200 || !kernel_path || !realpath(kernel_path, kernel))
		return;
	*strrchr(kernel, '/') = '\0';
	snprintf(path, sizeof(path), "%s/config-%s", kernel, release);
	if (read_file(path, CONFIG_LIMIT_BYTES, &config->text, &config->len))
		config->text = NULL;
	else
		log_debug("the kernel's configuration is in %s", path);
}

void kernel_config_release(struct kernel_config *config)
{
	free(config->text);
	*config = (struct kernel_config){ .text = NULL };
}

/* Is there a line of exactly this text? */
static bool has_line(const struct kernel_config *config, const char *line)
{
	size_t n = strlen(line);
	const char *end = config->text + config->len;

	for (const char *at = config->text; (at = memmem(at, (size_t)(end - at), line, n)); at++) {
		if ((at == config->text || at[-1] == '\n') && (at + n == end || at[n] == '\n'))
			return true;
	}
	return false;
}

static enum kernel_driver symbol_state(const struct kernel_config *config, const char *symbol)
{
	char line[SYMBOL_MAX + 32];

	snprintf(line, sizeof(line), "CONFIG_%s=y", symbol);
	if (has_line(config, line))
		return DRIVER_BUILTIN;
	snprintf(line, sizeof(line), "CONFIG_%s=m", symbol);
	if (has_line(config, line))
		return DRIVER_MODULE;
	snprintf(line, sizeof(line), "# CONFIG_%s is not set", symbol);
	return has_line(config, line) ? DRIVER_OFF : DRIVER_UNKNOWN;
}

enum kernel_driver kernel_config_driver(const struct kernel_config *config, const char *module)
{
	char symbol[SYMBOL_MAX], fs[SYMBOL_MAX + 3];
	size_t n = 0;

	if (!config->text)
		return DRIVER_UNKNOWN;
	/* Most symbols are the module's name; file systems have _FS after it. */
	for (; n < sizeof(symbol) - 1 && module[n]; n++)
		symbol[n] = (char)(module[n] == '-' ? '_' : toupper((unsigned char)module[n]));
	symbol[n] = '\0';
	enum kernel_driver state = symbol_state(config, symbol);
	if (state != DRIVER_UNKNOWN)
		return state;
	snprintf(fs, sizeof(fs), "%s_FS", symbol);
	return symbol_state(config, fs);
}
