// SPDX-License-Identifier: Apache-2.0
/*
 * Order statistics and the bootstrap: see stats.h. Random numbers are SplitMix64's (G. Steele, D. Lea and C. Flood, Fast Splittable
 * Pseudorandom Number Generators, OOPSLA 2014, figure 17): 64 bits of state, any seed as good as another, and far more than a resampling
 * asks for.
 *
 * The Makefile compiles this without fused multiplications, which not every processor has: they would round otherwise.
 */
#include "bench/stats.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static int compare_numbers(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* NULL: no memory. */
static double *sorted(const double *samples, unsigned count)
{
	double *copy = malloc(count * sizeof(*copy));

	if (copy) {
		memcpy(copy, samples, count * sizeof(*copy));
		qsort(copy, count, sizeof(*copy), compare_numbers);
	}
	return copy;
}

/* Exact at both ends and where they are equal, and no overflow: their difference is only taken where they have one sign. */
static double between(double a, double b, double part)
{
	return (a < 0) == (b < 0) ? a + part * (b - a) : a * (1 - part) + b * part;
}

static double quantile(const double *sample, unsigned count, double part)
{
	double place = part * (count - 1);
	unsigned i = (unsigned)place;

	return i + 1 < count ? between(sample[i], sample[i + 1], place - i) : sample[count - 1];
}

/*
 * The median of as many samples as there are, drawn with replacement. What is drawn is counted by its place among the sorted, so that
 * nothing is to be sorted again. `drawn` has `count` zeros, and has them again afterwards.
 */
static double resampled_median(const double *sample, unsigned count, unsigned *drawn, uint64_t *random)
{
	unsigned lower = (count - 1) / 2, upper = count / 2, at = 0, seen;

	for (unsigned i = 0; i < count; i++)
		drawn[(next_random(random) >> 32) * count >> 32]++;
	for (seen = drawn[0]; seen <= lower; seen += drawn[++at])
		;
	double low = sample[at];
	for (; seen <= upper; seen += drawn[++at])
		;
	memset(drawn, 0, count * sizeof(*drawn));
	return between(low, sample[at], 0.5);
}

static void interval_of(double *estimates, double *low, double *high)
{
	qsort(estimates, STATS_RESAMPLES, sizeof(*estimates), compare_numbers);
	*low = quantile(estimates, STATS_RESAMPLES, (1 - STATS_CONFIDENCE) / 2);
	*high = quantile(estimates, STATS_RESAMPLES, (1 + STATS_CONFIDENCE) / 2);
}

static void describe(struct stats *stats, const double *sample, unsigned count)
{
	stats->count = count;
	stats->min = sample[0];
	stats->q1 = quantile(sample, count, 0.25);
	stats->median = quantile(sample, count, 0.5);
	stats->q3 = quantile(sample, count, 0.75);
	stats->p95 = quantile(sample, count, 0.95);
	stats->max = sample[count - 1];
	double fence = 1.5 * (stats->q3 - stats->q1);
	for (unsigned i = 0; i < count; i++)
		stats->outliers += sample[i] < stats->q1 - fence || sample[i] > stats->q3 + fence;
}

int stats_of(struct stats *stats, const double *samples, unsigned count, uint64_t seed)
{
	*stats = (struct stats){0};
	if (!count)
		return 0;
	double *sample = sorted(samples, count), *medians = malloc(STATS_RESAMPLES * sizeof(*medians));
	unsigned *drawn = calloc(count, sizeof(*drawn));
	bool good = sample && medians && drawn;
	if (good) {
		describe(stats, sample, count);
		for (unsigned i = 0; i < STATS_RESAMPLES; i++)
			medians[i] = resampled_median(sample, count, drawn, &seed);
		interval_of(medians, &stats->low, &stats->high);
	}
	free(drawn);
	free(medians);
	free(sample);
	return good ? 0 : -ENOMEM;
}

/* False where b is 0, or so small that no number holds the ratio. */
static bool divide(double a, double b, double *ratio)
{
	*ratio = b == 0 ? 0 : a / b;
	return b != 0 && __builtin_isfinite(*ratio);
}

int stats_ratio(struct stats_ratio *ratio, const double *a, unsigned a_count, const double *b, unsigned b_count, uint64_t seed)
{
	*ratio = (struct stats_ratio){0};
	if (!a_count || !b_count)
		return -EINVAL;
	double *of_a = sorted(a, a_count), *of_b = sorted(b, b_count), *ratios = malloc(STATS_RESAMPLES * sizeof(*ratios));
	unsigned *drawn = calloc(a_count > b_count ? a_count : b_count, sizeof(*drawn));
	int err = -ENOMEM;
	if (of_a && of_b && ratios && drawn) {
		bool good = divide(quantile(of_a, a_count, 0.5), quantile(of_b, b_count, 0.5), &ratio->ratio);
		for (unsigned i = 0; good && i < STATS_RESAMPLES; i++) {
			double above = resampled_median(of_a, a_count, drawn, &seed);
			good = divide(above, resampled_median(of_b, b_count, drawn, &seed), &ratios[i]);
		}
		if (good)
			interval_of(ratios, &ratio->low, &ratio->high);
		err = good ? 0 : -EINVAL;
	}
	if (err)
		*ratio = (struct stats_ratio){0};
	free(drawn);
	free(ratios);
	free(of_b);
	free(of_a);
	return err;
}
