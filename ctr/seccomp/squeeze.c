// SPDX-License-Identifier: Apache-2.0
/*
 * Filters by ranges: see squeeze.h; linux/seccomp.h, Documentation/userspace-api/seccomp_filter.rst.
 *
 * Until it looks at an argument, a filter only compares the architecture and the number with constants. So its answer can only change at
 *these constants: it is asked at each of them, and neighbours that answer alike are one range. The answer is a return, or the place at
 *which the program begins to look at arguments, from where it is kept as it is.
 *
 *	load architecture
 *	for each that the program names: compare, jump to its part	(then: the answer for all others)
 *	for each part: load number; a tree of comparisons; its answers, which are returns and jumps
 *	what looks at arguments
 */
#include "ctr/seccomp/squeeze.h"

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARCHES_MAX 8
#define REACH 255 /* of a conditional jump */

#define AT_NUMBER offsetof(struct seccomp_data, nr)
#define AT_ARCH offsetof(struct seccomp_data, arch)

struct answer {
	bool argument; /* `value` is a place in the old program; else what is returned */
	uint32_t value;
};

struct range {
	uint32_t first;
	struct answer answer;
};

struct part {
	uint32_t arch;
	struct range *range; /* sorted, the first one begins at 0 */
	size_t count;
};

struct squeeze {
	const struct sock_filter *old;
	size_t old_count;
	uint32_t *point; /* numbers at which an answer may change, sorted */
	size_t point_count;
	struct part part[ARCHES_MAX];
	size_t part_count; /* part[0] is every architecture that has none of its own */
	bool *kept;        /* of the old program: looks at arguments */
	struct sock_filter *new;
	size_t new_count;
};

static bool is_load(const struct sock_filter *i, size_t offset)
{
	return i->code == (BPF_LD | BPF_W | BPF_ABS) && i->k == offset;
}

/* --- what the program answers ----------------------------------------------------------------------------------------------------------
 */

/* An architecture that the program compares with is one of its own. */
static bool note_arch(struct squeeze *s, uint32_t arch)
{
	for (size_t i = 1; i < s->part_count; i++) {
		if (s->part[i].arch == arch)
			return true;
	}
	if (s->part_count == ARCHES_MAX)
		return false;
	s->part[s->part_count++] = (struct part){.arch = arch};
	return true;
}

/* Whether the conditional jump is taken; false for what is none, or compares by bits. */
static bool compare(const struct sock_filter *i, uint32_t a, bool *taken)
{
	switch (i->code) {
	case BPF_JMP | BPF_JEQ | BPF_K:
		*taken = a == i->k;
		return true;
	case BPF_JMP | BPF_JGT | BPF_K:
		*taken = a > i->k;
		return true;
	case BPF_JMP | BPF_JGE | BPF_K:
		*taken = a >= i->k;
		return true;
	default:
		return false;
	}
}

/* False: the program does what is not understood. `part` 0 is an architecture that equals no constant. */
static bool ask(struct squeeze *s, size_t part, uint32_t number, struct answer *answer)
{
	enum { NOTHING, NUMBER, ARCH } loaded = NOTHING;

	for (size_t pc = 0; pc < s->old_count; pc++) {
		const struct sock_filter *i = &s->old[pc];
		bool taken;
		if (i->code == (BPF_RET | BPF_K)) {
			*answer = (struct answer){.value = i->k};
			return true;
		}
		if (is_load(i, AT_NUMBER)) {
			loaded = NUMBER;
		} else if (is_load(i, AT_ARCH)) {
			loaded = ARCH;
		} else if (i->code == (BPF_LD | BPF_W | BPF_ABS)) {
			*answer = (struct answer){.argument = true, .value = (uint32_t)pc};
			return true;
		} else if (i->code == (BPF_JMP | BPF_JA)) {
			pc += i->k;
		} else if (loaded == NUMBER && compare(i, number, &taken)) {
			pc += taken ? i->jt : i->jf;
		} else if (loaded == ARCH && i->code == (BPF_JMP | BPF_JEQ | BPF_K) && note_arch(s, i->k)) {
			pc += part && s->part[part].arch == i->k ? i->jt : i->jf;
		} else {
			return false;
		}
	}
	return false;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* A comparison with K answers one thing up to K - 1 or K, and another from there on. */
static bool find_points(struct squeeze *s)
{
	size_t count = 0;

	s->point = calloc(2 * s->old_count + 1, sizeof(*s->point));
	if (!s->point)
		return false;
	s->point[count++] = 0;
	for (size_t pc = 0; pc < s->old_count; pc++) {
		if (BPF_CLASS(s->old[pc].code) != BPF_JMP || BPF_OP(s->old[pc].code) == BPF_JA)
			continue;
		s->point[count++] = s->old[pc].k;
		if (s->old[pc].k != UINT32_MAX)
			s->point[count++] = s->old[pc].k + 1;
	}
	qsort(s->point, count, sizeof(*s->point), by_value);
	for (size_t i = 0; i < count; i++) {
		if (!i || s->point[i] != s->point[i - 1])
			s->point[s->point_count++] = s->point[i];
	}
	return true;
}

static bool is_same(struct answer a, struct answer b)
{
	return a.argument == b.argument && a.value == b.value;
}

static bool find_ranges(struct squeeze *s, size_t part)
{
	struct part *p = &s->part[part];

	p->range = calloc(s->point_count, sizeof(*p->range));
	for (size_t i = 0; p->range && i < s->point_count; i++) {
		struct range range = {.first = s->point[i]};
		if (!ask(s, part, range.first, &range.answer))
			return false;
		if (!p->count || !is_same(p->range[p->count - 1].answer, range.answer))
			p->range[p->count++] = range;
	}
	return p->range != NULL;
}

/* --- what stays as it is ----------------------------------------------------------------------------------------------------------------
 */

static bool keep(struct squeeze *s, size_t pc)
{
	if (pc < s->old_count)
		s->kept[pc] = true;
	return pc < s->old_count;
}

/* All that can be reached from where arguments are looked at. Jumps only go forward. */
static bool find_kept(struct squeeze *s)
{
	bool whole = true;

	for (size_t i = 0; i < s->part_count; i++) {
		for (size_t k = 0; k < s->part[i].count; k++) {
			if (s->part[i].range[k].answer.argument)
				s->kept[s->part[i].range[k].answer.value] = true;
		}
	}
	for (size_t pc = 0; whole && pc < s->old_count; pc++) {
		const struct sock_filter *i = &s->old[pc];
		if (!s->kept[pc] || BPF_CLASS(i->code) == BPF_RET)
			continue;
		if (BPF_CLASS(i->code) != BPF_JMP)
			whole = keep(s, pc + 1);
		else if (BPF_OP(i->code) == BPF_JA)
			whole = keep(s, pc + 1 + i->k);
		else
			whole = keep(s, pc + 1 + i->jt) && keep(s, pc + 1 + i->jf);
	}
	return whole;
}

/* How many that are kept stand in [from, to). */
static uint32_t kept_between(const struct squeeze *s, size_t from, size_t to)
{
	uint32_t count = 0;

	for (; from < to; from++)
		count += s->kept[from];
	return count;
}

/* --- the new program
 * ---------------------------------------------------------------------------------------------------------------------- */

/* False when it would not be shorter. */
static bool emit(struct squeeze *s, struct sock_filter instruction)
{
	if (s->new_count + 1 >= s->old_count)
		return false;
	s->new[s->new_count++] = instruction;
	return true;
}

/* The place of a part's answer, behind its `nodes` comparisons. Parts have few answers, and each once. */
static size_t place_of(const struct answer *answers, struct answer answer)
{
	size_t i = 0;

	while (!is_same(answers[i], answer))
		i++;
	return i;
}

/*
 * Comparisons for ranges [from, to), of which there are to - from - 1; `answers` stand at `base`. Where one range is left, it needs none:
 * then *at is its answer.
 */
static bool emit_tree(struct squeeze *s, const struct part *p, size_t from, size_t to, const struct answer *answers, size_t base,
		      size_t *at)
{
	if (to - from == 1) {
		*at = base + place_of(answers, p->range[from].answer);
		return true;
	}
	size_t middle = from + (to - from) / 2, below, above;
	*at = s->new_count;
	if (!emit(s, (struct sock_filter){.code = BPF_JMP | BPF_JGE | BPF_K, .k = p->range[middle].first}) ||
	    !emit_tree(s, p, from, middle, answers, base, &below) || !emit_tree(s, p, middle, to, answers, base, &above))
		return false;
	if (below - *at - 1 > REACH || above - *at - 1 > REACH)
		return false;
	s->new[*at].jf = (uint8_t)(below - *at - 1);
	s->new[*at].jt = (uint8_t)(above - *at - 1);
	return true;
}

static bool emit_answer(struct squeeze *s, struct answer answer)
{
	/* A place in the old program until all is there. */
	return emit(s, (struct sock_filter){.code = answer.argument ? BPF_JMP | BPF_JA : BPF_RET | BPF_K, .k = answer.value});
}

static bool emit_part(struct squeeze *s, const struct part *p)
{
	struct answer *answers = calloc(p->count, sizeof(*answers));
	size_t count = 0, at;

	if (!answers)
		return false;
	for (size_t i = 0; i < p->count; i++) {
		answers[count] = p->range[i].answer;
		if (place_of(answers, answers[count]) == count)
			count++;
	}
	bool done = emit(s, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT_NUMBER)) &&
		    emit_tree(s, p, 0, p->count, answers, s->new_count + p->count - 1, &at);
	for (size_t i = 0; done && i < count; i++)
		done = emit_answer(s, answers[i]);
	free(answers);
	return done;
}

static bool emit_kept(struct squeeze *s)
{
	size_t start = s->new_count;

	for (size_t pc = 0; pc < s->old_count; pc++) {
		struct sock_filter i = s->old[pc];
		if (!s->kept[pc])
			continue;
		if (BPF_CLASS(i.code) == BPF_JMP && BPF_OP(i.code) == BPF_JA) {
			i.k = kept_between(s, pc + 1, pc + 1 + i.k);
		} else if (BPF_CLASS(i.code) == BPF_JMP) {
			i.jt = (uint8_t)kept_between(s, pc + 1, pc + 1 + i.jt);
			i.jf = (uint8_t)kept_between(s, pc + 1, pc + 1 + i.jf);
		}
		if (!emit(s, i))
			return false;
	}
	/* Every jump without a condition that stands before is one to here. */
	for (size_t at = 0; at < start; at++) {
		if (s->new[at].code == (BPF_JMP | BPF_JA) && at + 1 >= 2 * s->part_count)
			s->new[at].k = (uint32_t)(start + kept_between(s, 0, s->new[at].k) - at - 1);
	}
	return true;
}

static bool emit_all(struct squeeze *s)
{
	/* Which architecture: a comparison and a jump each, and the answer for all others. */
	bool done = s->part[0].count == 1 && emit(s, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, AT_ARCH));

	for (size_t i = 1; done && i < s->part_count; i++)
		done = emit(s, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, s->part[i].arch, 0, 1)) &&
		       emit(s, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
	done = done && emit_answer(s, s->part[0].range[0].answer);
	for (size_t i = 1; done && i < s->part_count; i++) {
		s->new[2 * i].k = (uint32_t)(s->new_count - 2 * i - 1);
		done = emit_part(s, &s->part[i]);
	}
	return done && emit_kept(s);
}

static bool squeeze(struct squeeze *s)
{
	s->part_count = 1;
	s->kept = calloc(s->old_count + 1, sizeof(*s->kept));
	s->new = calloc(s->old_count, sizeof(*s->new));
	if (!s->kept || !s->new || !find_points(s))
		return false;
	/* More parts come up while the first are asked. */
	for (size_t i = 0; i < s->part_count; i++) {
		if (!find_ranges(s, i))
			return false;
	}
	return find_kept(s) && emit_all(s);
}

size_t seccomp_squeeze(struct sock_filter *program, size_t count)
{
	struct squeeze s = {.old = program, .old_count = count};
	bool done = squeeze(&s);

	if (done) {
		memcpy(program, s.new, s.new_count * sizeof(*program));
		count = s.new_count;
	}
	for (size_t i = 0; i < s.part_count; i++)
		free(s.part[i].range);
	free(s.point);
	free(s.kept);
	free(s.new);
	return count;
}
