// SPDX-License-Identifier: Apache-2.0
/*
 * bench/stats.c on known data. Quantiles: by hand, h = (n - 1) p. Intervals: computed once by twenty lines of Python, which draw by the
 * same rule but sort each resample; the generator there gave the published numbers of SplitMix64 (seed 1234567: 6457827717110365317,
 * 3203168211198807973, 9817491932198370423).
 */
#include <errno.h>
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bench/stats.h"

#define COUNT(array) ((unsigned)(sizeof(array) / sizeof(*(array))))
#define NEAR 1e-12

/* cmocka's own comparison is one of floats. */
static void is_near(double value, double wanted, double apart)
{
	if (!(value - wanted <= apart && wanted - value <= apart))
		fail_msg("%.17g, not %.17g", value, wanted);
}

/* The scores of fifteen law schools (Efron and Tibshirani, table 3.2). */
static const double law[] = {576, 635, 558, 578, 666, 580, 555, 661, 651, 605, 653, 575, 545, 572, 594};
static const double even[] = {3.5, 1.25, 9, 2, 4, 8};

static void quantiles_lie_between_samples(void **state)
{
	struct stats stats;

	(void)state;
	assert_int_equal(stats_of(&stats, law, COUNT(law), 1), 0);
	assert_int_equal(stats.count, 15);
	is_near(stats.min, 545, 0);
	is_near(stats.q1, 573.5, NEAR);
	is_near(stats.median, 580, 0);
	is_near(stats.q3, 643, NEAR);
	is_near(stats.p95, 662.5, NEAR);
	is_near(stats.max, 666, 0);
	assert_int_equal(stats.outliers, 0);
	assert_int_equal(stats_of(&stats, even, COUNT(even), 1), 0);
	is_near(stats.q1, 2.375, NEAR);
	is_near(stats.median, 3.75, NEAR);
	is_near(stats.q3, 7, NEAR);
	is_near(stats.p95, 8.75, NEAR);
}

static void intervals_are_those_of_another_program(void **state)
{
	struct stats stats;
	struct stats_ratio ratio;

	(void)state;
	assert_int_equal(stats_of(&stats, law, COUNT(law), 1), 0);
	is_near(stats.low, 575, NEAR);
	is_near(stats.high, 651, NEAR);
	assert_int_equal(stats_of(&stats, law, COUNT(law), 42), 0);
	is_near(stats.low, 572, NEAR);
	is_near(stats.high, 635, NEAR);
	assert_int_equal(stats_of(&stats, even, COUNT(even), 7), 0);
	is_near(stats.low, 1.625, NEAR);
	is_near(stats.high, 8.5, NEAR);
	assert_int_equal(stats_ratio(&ratio, law, COUNT(law), even, COUNT(even), 42), 0);
	is_near(ratio.ratio, 154.66666666666666, 1e-9);
	is_near(ratio.low, 69.75, 1e-9);
	is_near(ratio.high, 355.6923076923077, 1e-9);
	assert_int_equal(stats_ratio(&ratio, even, COUNT(even), law, COUNT(law), 42), 0);
	is_near(ratio.ratio, 0.00646551724137931, NEAR);
	is_near(ratio.low, 0.0028114186851211074, NEAR);
	is_near(ratio.high, 0.01430976430976431, NEAR);
}

static void an_outlier_is_counted_and_stays(void **state)
{
	static const double samples[] = {2, 1, 1, 2, 1, 1, 3, 1, 100};
	struct stats stats;

	(void)state;
	assert_int_equal(stats_of(&stats, samples, COUNT(samples), 5), 0);
	/* Quartiles 1 and 2: beyond 3.5 is far out, 3 is not. */
	assert_int_equal(stats.outliers, 1);
	assert_int_equal(stats.count, 9);
	is_near(stats.max, 100, 0);
	is_near(stats.p95, 61.2, NEAR);
	is_near(stats.low, 1, 0);
	is_near(stats.high, 3, 0);
}

static void few_samples_say_what_they_can(void **state)
{
	static const double two[] = {8, 4};
	struct stats stats, nothing = {0};

	(void)state;
	memset(&stats, 0xff, sizeof(stats));
	assert_int_equal(stats_of(&stats, NULL, 0, 1), 0);
	assert_memory_equal(&stats, &nothing, sizeof(stats));
	assert_int_equal(stats_of(&stats, two, 1, 1), 0);
	assert_int_equal(stats.count, 1);
	is_near(stats.median, 8, 0);
	is_near(stats.low, 8, 0);
	is_near(stats.high, 8, 0);
	is_near(stats.p95, 8, 0);
	assert_int_equal(stats_of(&stats, two, 2, 1), 0);
	is_near(stats.median, 6, 0);
	is_near(stats.q1, 5, 0);
	is_near(stats.low, 4, 0);
	is_near(stats.high, 8, 0);
	is_near(two[0], 8, 0);
}

static void equal_samples_have_no_spread(void **state)
{
	/* A tenth has no exact form: nothing may be lost between two of them. */
	static const double same[] = {0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1};
	struct stats stats;
	struct stats_ratio ratio;

	(void)state;
	assert_int_equal(stats_of(&stats, same, COUNT(same), 3), 0);
	assert_int_equal(stats.outliers, 0);
	is_near(stats.q1, 0.1, 0);
	is_near(stats.p95, 0.1, 0);
	is_near(stats.low, 0.1, 0);
	is_near(stats.high, 0.1, 0);
	assert_int_equal(stats_ratio(&ratio, same, COUNT(same), same, COUNT(same), 3), 0);
	is_near(ratio.low, 1, 0);
	is_near(ratio.high, 1, 0);
}

static void a_ratio_to_nothing_is_refused(void **state)
{
	static const double zeros[] = {0, 0, 0}, sometimes[] = {0, 1, 2}, ones[] = {1, 1, 1}, tiny[] = {DBL_TRUE_MIN}, huge[] = {DBL_MAX};
	struct stats_ratio ratio;

	(void)state;
	assert_int_equal(stats_ratio(&ratio, ones, 3, zeros, 3, 1), -EINVAL);
	/* Its median is 1, but not that of every resample. */
	assert_int_equal(stats_ratio(&ratio, ones, 3, sometimes, 3, 1), -EINVAL);
	assert_int_equal(stats_ratio(&ratio, ones, 3, ones, 0, 1), -EINVAL);
	assert_int_equal(stats_ratio(&ratio, ones, 0, ones, 3, 1), -EINVAL);
	assert_int_equal(stats_ratio(&ratio, huge, 1, tiny, 1, 1), -EINVAL);
	is_near(ratio.ratio, 0, 0);
	is_near(ratio.high, 0, 0);
	assert_int_equal(stats_ratio(&ratio, zeros, 3, ones, 3, 1), 0);
	is_near(ratio.ratio, 0, 0);
	is_near(ratio.high, 0, 0);
}

static void the_widest_numbers_stay_finite(void **state)
{
	static const double wide[] = {DBL_MAX, -DBL_MAX, DBL_MAX, -DBL_MAX};
	struct stats stats;

	(void)state;
	assert_int_equal(stats_of(&stats, wide, COUNT(wide), 1), 0);
	is_near(stats.median, 0, 0);
	assert_true(__builtin_isfinite(stats.p95) && __builtin_isfinite(stats.low) && __builtin_isfinite(stats.high));
	assert_int_equal(stats.outliers, 0);
}

static void the_same_seed_gives_the_same_answer(void **state)
{
	double shuffled[COUNT(law)];
	struct stats one, two, other;

	(void)state;
	for (unsigned i = 0; i < COUNT(law); i++)
		shuffled[i] = law[(i * 7) % COUNT(law)];
	assert_int_equal(stats_of(&one, law, COUNT(law), 9), 0);
	assert_int_equal(stats_of(&two, shuffled, COUNT(law), 9), 0);
	assert_memory_equal(&one, &two, sizeof(one));
	assert_int_equal(stats_of(&other, law, COUNT(law), 42), 0);
	assert_int_equal(stats_of(&two, law, COUNT(law), 1), 0);
	assert_true(other.low != two.low || other.high != two.high);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_lie_between_samples),   cmocka_unit_test(intervals_are_those_of_another_program),
		cmocka_unit_test(an_outlier_is_counted_and_stays), cmocka_unit_test(few_samples_say_what_they_can),
		cmocka_unit_test(equal_samples_have_no_spread),    cmocka_unit_test(a_ratio_to_nothing_is_refused),
		cmocka_unit_test(the_widest_numbers_stay_finite),  cmocka_unit_test(the_same_seed_gives_the_same_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
