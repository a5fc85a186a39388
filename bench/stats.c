// SPDX-License-Identifier: Apache-2.0
/* Order statistics and the bootstrap: see stats.h. */
#include "bench/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* SplitMix64 (G. Steele, D. Lea, C. Flood, Fast splittable pseudorandom number generators, OOPSLA 2014). */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Below `bound`, as evenly as the upper half of 64 bits is spread over some thousands of samples. */
static unsigned pick(uint64_t *state, unsigned bound)
{
	return (unsigned)(((next_random(state) >> 32) * bound) >> 32);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void sort(double *samples, unsigned count)
{
	qsort(samples, count, sizeof(*samples), compare);
}

static double quantile(const double *sorted, unsigned count, double p)
{
	double at = p * (count - 1);
	unsigned below = (unsigned)at;

	if (below + 1 >= count)
		return sorted[count - 1];
	return sorted[below] + (at - below) * (sorted[below + 1] - sorted[below]);
}

static double resampled_median(const double *samples, unsigned count, uint64_t *state, double *room)
{
	for (unsigned i = 0; i < count; i++)
		room[i] = samples[pick(state, count)];
	sort(room, count);
	return quantile(room, count, 0.5);
}

int stats_of(struct stats *stats, const double *samples, unsigned count, uint64_t seed)
{
	double *room = count ? malloc((2 * (size_t)count + STATS_RESAMPLES) * sizeof(*room)) : NULL, *sorted, *medians;

	*stats = (struct stats){.count = count};
	if (!count)
		return 0;
	if (!room)
		return -ENOMEM;
	sorted = room + count;
	medians = sorted + count;
	memcpy(sorted, samples, count * sizeof(*sorted));
	sort(sorted, count);
	stats->min = sorted[0];
	stats->q1 = quantile(sorted, count, 0.25);
	stats->median = quantile(sorted, count, 0.5);
	stats->q3 = quantile(sorted, count, 0.75);
	stats->p95 = quantile(sorted, count, 0.95);
	stats->max = sorted[count - 1];
	double fence = 1.5 * (stats->q3 - stats->q1);
	for (unsigned i = 0; i < count; i++)
		stats->outliers += sorted[i] < stats->q1 - fence || sorted[i] > stats->q3 + fence;
	for (unsigned i = 0; i < STATS_RESAMPLES; i++)
		medians[i] = resampled_median(sorted, count, &seed, room);
	sort(medians, STATS_RESAMPLES);
	stats->low = quantile(medians, STATS_RESAMPLES, (1 - STATS_CONFIDENCE) / 2);
	stats->high = quantile(medians, STATS_RESAMPLES, (1 + STATS_CONFIDENCE) / 2);
	free(room);
	return 0;
}

int stats_ratio(struct stats_ratio *ratio, const double *a, unsigned a_count, const double *b, unsigned b_count, uint64_t seed)
{
	unsigned most = a_count > b_count ? a_count : b_count;
	double *room = malloc(((size_t)most + STATS_RESAMPLES) * sizeof(*room)), *ratios;
	int err = 0;

	*ratio = (struct stats_ratio){0};
	if (!room)
		return -ENOMEM;
	ratios = room + most;
	for (unsigned i = 0; !err && i < STATS_RESAMPLES; i++) {
		double over = a_count && b_count ? resampled_median(a, a_count, &seed, room) : 0;
		double under = a_count && b_count ? resampled_median(b, b_count, &seed, room) : 0;
		err = under < 0 || under > 0 ? 0 : -EINVAL;
		ratios[i] = err ? 0 : over / under;
	}
	if (!err) {
		memcpy(room, a, a_count * sizeof(*room));
		sort(room, a_count);
		double over = quantile(room, a_count, 0.5);
		memcpy(room, b, b_count * sizeof(*room));
		sort(room, b_count);
		double under = quantile(room, b_count, 0.5);
		err = under < 0 || under > 0 ? 0 : -EINVAL;
		ratio->ratio = err ? 0 : over / under;
		sort(ratios, STATS_RESAMPLES);
		ratio->low = quantile(ratios, STATS_RESAMPLES, (1 - STATS_CONFIDENCE) / 2);
		ratio->high = quantile(ratios, STATS_RESAMPLES, (1 + STATS_CONFIDENCE) / 2);
	}
	free(room);
	return err;
}
