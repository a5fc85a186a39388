// SPDX-License-Identifier: Apache-2.0
/*
 * What is said of samples: order statistics, and confidence intervals by the bootstrap (B. Efron and R. Tibshirani, An Introduction to the
 * Bootstrap, 1993, chapter 13: percentile intervals). Nothing is thrown away: outliers (beyond 1.5 interquartile ranges of the quartiles,
 * J. Tukey, Exploratory Data Analysis, 1977) are counted and stay in. No sample is NaN or infinite: the caller's part.
 *
 * Pure arithmetic: any thread; the same seed gives the same answer on every machine.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stdint.h>

#define STATS_RESAMPLES 2000
#define STATS_CONFIDENCE 0.95

struct stats {
	unsigned count, outliers;
	double min, q1, median, q3, p95, max; /* quantiles by linear interpolation, Hyndman and Fan's type 7 */
	double low, high;		      /* the median's confidence interval; of one sample: itself */
};

/* Of `count` samples, which stay as they are. 0 samples: all is zero. 0 or -ENOMEM. */
int stats_of(struct stats *stats, const double *samples, unsigned count, uint64_t seed);

/* The ratio of two medians, a over b, with its interval, both resampled. */
struct stats_ratio {
	double ratio, low, high;
};
/* -EINVAL without samples, or where a median of b, resampled or not, is 0; -ENOMEM. */
int stats_ratio(struct stats_ratio *ratio, const double *a, unsigned a_count, const double *b, unsigned b_count, uint64_t seed);

#endif
