// SPDX-License-Identifier: Apache-2.0
/*
 * The test guest's walk through the device tree (Devicetree Specification 0.4, chapter 5). It trusts nothing but the mapping of RAM: every
 * length is held against what encloses it.
 *
 * A node's properties come before its children (5.4.2). They are gathered, and the node is looked at when it ends.
 */
#include "guest/bare/aarch64/aarch64.h"

#define TREE_BYTES_MAX (2u << 20)
#define MAGIC 0xd00dfeedu
#define VERSION 17
#define DEPTH_MAX 4

enum { TOKEN_BEGIN_NODE = 1, TOKEN_END_NODE = 2, TOKEN_PROPERTY = 3, TOKEN_NOP = 4, TOKEN_END = 9 };

/* The properties that are looked at. */
enum property {
	ADDRESS_CELLS,
	SIZE_CELLS,
	COMPATIBLE,
	DEVICE_TYPE,
	REG,
	INTERRUPTS,
	ENABLE_METHOD,
	METHOD,
	ALWAYS_ON,
	DMA_COHERENT,
	BOOTARGS,
	INITRD_START,
	INITRD_END,
	STDOUT_PATH,
	KASLR_SEED,
	RNG_SEED,
	SERIAL0,
	PROPERTIES
};

static const char *const property_names[PROPERTIES] = {
	[ADDRESS_CELLS] = "#address-cells",
	[SIZE_CELLS] = "#size-cells",
	[COMPATIBLE] = "compatible",
	[DEVICE_TYPE] = "device_type",
	[REG] = "reg",
	[INTERRUPTS] = "interrupts",
	[ENABLE_METHOD] = "enable-method",
	[METHOD] = "method",
	[ALWAYS_ON] = "always-on",
	[DMA_COHERENT] = "dma-coherent",
	[BOOTARGS] = "bootargs",
	[INITRD_START] = "linux,initrd-start",
	[INITRD_END] = "linux,initrd-end",
	[STDOUT_PATH] = "stdout-path",
	[KASLR_SEED] = "kaslr-seed",
	[RNG_SEED] = "rng-seed",
	[SERIAL0] = "serial0",
};

struct value {
	const uint8_t *at; /* NULL: there is none */
	uint32_t bytes;
};

struct node {
	const char *name;
	struct value value[PROPERTIES];
};

struct walk {
	const uint8_t *at, *end;
	const char *strings;
	uint32_t strings_bytes;
	struct fdt_facts *facts;
	struct machine *m;
	struct node node[DEPTH_MAX]; /* the root, and so on down to where the walk is */
	const char *serial_path;     /* what the alias stands for */
};

/* --- reading -------------------------------------------------------------------------------------------------------------- */

static uint32_t get32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* A number of one or two cells at cell `index`; 0 where there are not so many. */
static uint64_t cells(const struct value *v, unsigned index, unsigned count)
{
	uint64_t number = 0;

	if (count > 2 || v->bytes / 4 < index + count)
		return 0;
	for (unsigned i = 0; i < count; i++)
		number = number << 32 | get32(v->at + 4 * (index + i));
	return number;
}

static bool same_text(const char *a, const char *b)
{
	return strlen(a) == strlen(b) && !memcmp(a, b, strlen(b));
}

/* One of the strings in a value. */
static bool has_text(const struct value *v, const char *text)
{
	size_t bytes = strlen(text) + 1;

	for (uint32_t at = 0; at < v->bytes && v->bytes - at >= bytes;) {
		if (!memcmp(v->at + at, text, bytes))
			return true;
		while (at < v->bytes && v->at[at++])
			;
	}
	return false;
}

/* A whole string; NULL when it has no end. */
static const char *text_of(const struct value *v)
{
	return v->bytes && !v->at[v->bytes - 1] ? (const char *)v->at : NULL;
}

static bool named(const struct node *n, const char *name)
{
	size_t bytes = strlen(name);

	return strlen(n->name) >= bytes && !memcmp(n->name, name, bytes) && (!n->name[bytes] || n->name[bytes] == '@');
}

/* The nth range of a node's registers, by its parent's cells (2.3.6). False: it has not so many. */
static bool range(const struct node *n, unsigned nth, uint64_t *base, uint64_t *bytes)
{
	const struct node *parent = n - 1;
	unsigned address = (unsigned)cells(&parent->value[ADDRESS_CELLS], 0, 1), size = (unsigned)cells(&parent->value[SIZE_CELLS], 0, 1);
	unsigned at = nth * (address + size);

	if (!address || address > 2 || size > 2 || n->value[REG].bytes / 4 < at + address + size)
		return false;
	*base = cells(&n->value[REG], at, address);
	*bytes = cells(&n->value[REG], at + address, size);
	return true;
}

/* --- what nodes say ------------------------------------------------------------------------------------------------------- */

/* Linux, bindings/interrupt-controller/arm,gic.yaml: shared or a processor's own, its number among these, flags. */
#define CELLS_AN_INTERRUPT 3
#define KIND_SPI 0
#define KIND_PPI 1
#define FLAG_EDGE_RISING 1
#define FLAG_KINDS 0xf

static unsigned interrupt(const struct node *n, unsigned nth, unsigned kind, unsigned *flags)
{
	const struct value *v = &n->value[INTERRUPTS];
	unsigned at = nth * CELLS_AN_INTERRUPT;

	*flags = 0;
	if (v->bytes / 4 < at + CELLS_AN_INTERRUPT || cells(v, at, 1) != kind)
		return 0;
	*flags = (unsigned)cells(v, at + 2, 1);
	return (unsigned)cells(v, at + 1, 1);
}

static void take_chosen(struct walk *w, const struct node *n)
{
	const struct value *start = &n->value[INITRD_START], *end = &n->value[INITRD_END], *rng = &n->value[RNG_SEED];
	const char *bootargs = text_of(&n->value[BOOTARGS]);

	if (bootargs)
		w->m->cmdline = bootargs;
	w->m->initrd = (const uint8_t *)cells(start, 0, start->bytes / 4);
	w->m->initrd_bytes = cells(end, 0, end->bytes / 4) - (uint64_t)w->m->initrd;
	w->facts->kaslr_seed = cells(&n->value[KASLR_SEED], 0, 2);
	w->facts->rng_seed = cells(rng, 0, 2);
	w->facts->rng_seed_bytes = rng->bytes;
	/* Its options stand behind a colon. */
	w->facts->stdout_is_serial = n->value[STDOUT_PATH].bytes > 8 && !memcmp(n->value[STDOUT_PATH].at, "serial0:", 8);
}

static void take_cpu(struct walk *w, const struct node *n)
{
	uint64_t mpidr, none;

	if (!has_text(&n->value[DEVICE_TYPE], "cpu") || !range(n, 0, &mpidr, &none) || w->facts->cpus >= CPUS_MAX)
		return;
	w->facts->mpidr[w->facts->cpus++] = mpidr;
	w->facts->cpus_by_psci += has_text(&n->value[ENABLE_METHOD], "psci");
}

static void take_memory(struct walk *w, const struct node *n)
{
	uint64_t base, bytes;

	for (unsigned i = 0; range(n, i, &base, &bytes) && w->m->memory_count < MEMORY_MAX; i++)
		w->m->memory[w->m->memory_count++] = (struct memory_range){ base, bytes, true };
}

static void take_gic(struct walk *w, const struct node *n, unsigned version)
{
	struct fdt_facts *facts = w->facts;

	if (range(n, 0, &facts->gic_dist, &facts->gic_dist_bytes) && range(n, 1, &facts->gic_second, &facts->gic_second_bytes))
		facts->gic_version = version;
}

static void take_virtio(struct walk *w, const struct node *n)
{
	struct virtio_place place = { 0 };
	unsigned flags;

	if (!range(n, 0, &place.base, &place.bytes) || w->m->virtio_count >= DEVICES_MAX)
		return;
	place.line = interrupt(n, 0, KIND_SPI, &flags);
	w->m->virtio[w->m->virtio_count++] = place;
	w->facts->coherent_count += n->value[DMA_COHERENT].at != NULL;
	w->facts->edge_count += (flags & FLAG_KINDS) == FLAG_EDGE_RISING;
}

#define TIMER_VIRTUAL 2 /* bindings/timer/arm,arch_timer.yaml: secure, not secure, virtual, hypervisor's */

static void take_timer(struct walk *w, const struct node *n)
{
	unsigned flags, ppi = interrupt(n, TIMER_VIRTUAL, KIND_PPI, &flags);

	w->facts->timer_intid = ppi ? INTID_PPI + ppi : 0;
	w->facts->timer_always_on = n->value[ALWAYS_ON].at != NULL;
}

static void take_device(struct walk *w, const struct node *n)
{
	const struct value *compatible = &n->value[COMPATIBLE];
	uint64_t base = 0, bytes;
	unsigned flags;

	range(n, 0, &base, &bytes);
	if (has_text(compatible, "virtio,mmio")) {
		take_virtio(w, n);
	} else if (has_text(compatible, "arm,cortex-a15-gic")) {
		take_gic(w, n, 2);
	} else if (has_text(compatible, "arm,gic-v3")) {
		take_gic(w, n, 3);
	} else if (has_text(compatible, "arm,armv8-timer")) {
		take_timer(w, n);
	} else if (has_text(compatible, "arm,psci-0.2")) {
		w->facts->psci = true;
		w->facts->psci_by_hvc = has_text(&n->value[METHOD], "hvc");
	} else if (has_text(compatible, "ns16550a")) {
		w->facts->serial = base;
		w->facts->serial_line = interrupt(n, 0, KIND_SPI, &flags);
	} else if (has_text(compatible, "arm,pl031")) {
		w->facts->rtc = base;
	} else if (has_text(compatible, "qemu,pvpanic-mmio")) {
		w->facts->pvpanic = base;
	}
}

static void take_node(struct walk *w, unsigned depth)
{
	const struct node *n = &w->node[depth];

	if (depth == 2 && named(n - 1, "cpus"))
		take_cpu(w, n);
	if (depth != 1)
		return;
	if (named(n, "chosen"))
		take_chosen(w, n);
	else if (named(n, "aliases"))
		w->serial_path = text_of(&n->value[SERIAL0]);
	else if (named(n, "memory"))
		take_memory(w, n);
	else
		take_device(w, n);
}

/* --- the walk ------------------------------------------------------------------------------------------------------------- */

static uint32_t left(const struct walk *w)
{
	return (uint32_t)(w->end - w->at);
}

/* Everything is padded to four bytes. */
static const uint8_t *take(struct walk *w, uint32_t bytes)
{
	const uint8_t *at = w->at;
	uint32_t padded = (bytes + 3) & ~3u;

	if (padded < bytes || padded > left(w))
		return NULL;
	w->at += padded;
	return at;
}

static uint32_t take32(struct walk *w)
{
	const uint8_t *at = take(w, 4);

	return at ? get32(at) : 0;
}

static const char *take_name(struct walk *w)
{
	uint32_t bytes = 0;

	while (bytes < left(w) && w->at[bytes])
		bytes++;
	return bytes < left(w) ? (const char *)take(w, bytes + 1) : NULL;
}

static bool take_property(struct walk *w, struct node *n)
{
	uint32_t bytes = take32(w), name = take32(w);
	const uint8_t *at = take(w, bytes);

	if (!at || name >= w->strings_bytes)
		return false;
	for (unsigned i = 0; i < PROPERTIES; i++) {
		if (same_text(w->strings + name, property_names[i]))
			n->value[i] = (struct value){ at, bytes };
	}
	return true;
}

static bool walk(struct walk *w)
{
	unsigned depth = 0; /* of open nodes */

	for (;;) {
		switch (take32(w)) {
		case TOKEN_BEGIN_NODE:
			if (depth == DEPTH_MAX)
				return false;
			w->node[depth] = (struct node){ .name = take_name(w) };
			if (!w->node[depth++].name)
				return false;
			break;
		case TOKEN_PROPERTY:
			if (!depth || !take_property(w, &w->node[depth - 1]))
				return false;
			break;
		case TOKEN_END_NODE:
			if (!depth--)
				return false;
			take_node(w, depth);
			break;
		case TOKEN_NOP:
			break;
		case TOKEN_END:
			return !depth && !left(w);
		default:
			return false;
		}
	}
}

/* 5.2: where the two blocks are. The strings end with a NUL, so that none of them runs out of its block. */
static bool read_header(struct walk *w, const uint8_t *tree)
{
	uint32_t total = get32(tree + 4), structure = get32(tree + 8), strings = get32(tree + 12);
	uint32_t strings_bytes = get32(tree + 32), structure_bytes = get32(tree + 36);

	if (get32(tree) != MAGIC || total > TREE_BYTES_MAX || get32(tree + 20) < VERSION || get32(tree + 24) > VERSION)
		return false;
	if (structure > total || structure_bytes > total - structure || structure % 4 || strings > total || strings_bytes > total - strings)
		return false;
	w->at = tree + structure;
	w->end = w->at + structure_bytes;
	w->strings = (const char *)tree + strings;
	w->strings_bytes = strings_bytes;
	return strings_bytes && !w->strings[strings_bytes - 1];
}

/* "/serial@1000000": the alias leads to the serial port. */
static bool path_ends_in(const char *path, uint64_t address)
{
	uint64_t number = 0;
	const char *at = path;

	while (*at && *at++ != '@')
		;
	for (; *at; at++)
		number = number << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	return number == address;
}

void fdt_read(struct fdt_facts *facts, struct machine *m, uint64_t tree)
{
	static struct walk w;

	w.facts = facts;
	w.m = m;
	m->cmdline = "";
	if (!tree || tree % 8 || !read_header(&w, (const uint8_t *)tree))
		return;
	facts->header_sound = true;
	facts->structure_sound = walk(&w);
	facts->stdout_is_serial = facts->stdout_is_serial && w.serial_path && path_ends_in(w.serial_path, facts->serial);
	m->cpus = facts->cpus;
}
