// SPDX-License-Identifier: Apache-2.0
/* bench/stats.c, on data whose answers are known: quantiles of type 7 are those of R's quantile() and NumPy's percentile(). */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "bench/stats.h"

#define COUNT(a) (sizeof(a) / sizeof(*(a)))

static void assert_near(double expected, double is)
{
	if (expected - is > 1e-9 || is - expected > 1e-9)
		fail_msg("%.12g is not %.12g", is, expected);
}

static void test_quantiles(void **state)
{
	/* quantile(c(15,20,35,40,50), c(.25,.5,.75,.95)): 20 35 40 48 */
	const double samples[] = {40, 15, 50, 20, 35};
	struct stats s;

	(void)state;
	assert_int_equal(stats_of(&s, samples, 5, 1), 0);
	assert_int_equal(s.count, 5);
	assert_near(15, s.min);
	assert_near(20, s.q1);
	assert_near(35, s.median);
	assert_near(40, s.q3);
	assert_near(48, s.p95);
	assert_near(50, s.max);
	/* They are taken as they are. */
	assert_near(40, samples[0]);
	/* quantile(1:10, ...): 3.25 5.5 7.75 9.55 */
	const double ten[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
	assert_int_equal(stats_of(&s, ten, 10, 1), 0);
	assert_near(3.25, s.q1);
	assert_near(5.5, s.median);
	assert_near(7.75, s.q3);
	assert_near(9.55, s.p95);
}

static void test_few(void **state)
{
	const double one[] = {7}, two[] = {3, 1}, same[] = {5, 5, 5, 5};
	struct stats s;

	(void)state;
	assert_int_equal(stats_of(&s, NULL, 0, 1), 0);
	assert_int_equal(s.count, 0);
	assert_near(0, s.median);
	assert_int_equal(stats_of(&s, one, 1, 1), 0);
	assert_near(7, s.median);
	assert_near(7, s.low);
	assert_near(7, s.high);
	assert_near(7, s.p95);
	assert_int_equal(s.outliers, 0);
	assert_int_equal(stats_of(&s, two, 2, 1), 0);
	assert_near(2, s.median);
	assert_near(1, s.low);
	assert_near(3, s.high);
	assert_int_equal(stats_of(&s, same, 4, 1), 0);
	assert_near(5, s.low);
	assert_near(5, s.high);
	assert_int_equal(s.outliers, 0);
}

/* Fences at 20 - 30 and 40 + 30: what is beyond is counted, and stays in; what is on one is not. */
static void test_outliers(void **state)
{
	const double samples[] = {15, 20, 35, 40, 50, 20, 40, 71, -11};
	struct stats s;

	(void)state;
	assert_int_equal(stats_of(&s, samples, 9, 1), 0);
	assert_near(20, s.q1);
	assert_near(40, s.q3);
	assert_int_equal(s.outliers, 2);
	assert_near(71, s.max);
	assert_near(-11, s.min);
	const double on_fence[] = {15, 20, 35, 40, 50, 20, 40, 70, -10};
	assert_int_equal(stats_of(&s, on_fence, 9, 1), 0);
	assert_int_equal(s.outliers, 0);
}

/*
 * The median of 21 evenly spread samples: resampled medians are order statistics with binomial weights, and 95 % of them lie between the 6th and the 16th
 * (P(Bin(21, 5/21) >= 11) < 0.025 < P(Bin(21, 6/21) >= 11)).
 */
static void test_interval(void **state)
{
	double samples[21];
	struct stats s, again, other;

	(void)state;
	for (unsigned i = 0; i < 21; i++)
		samples[i] = i + 1;
	assert_int_equal(stats_of(&s, samples, 21, 42), 0);
	assert_true(s.low >= 6 && s.low <= 8);
	assert_true(s.high >= 14 && s.high <= 16);
	assert_int_equal(stats_of(&again, samples, 21, 42), 0);
	assert_memory_equal(&s, &again, sizeof(s));
	/* Another seed: another draw, nearly the same answer. */
	assert_int_equal(stats_of(&other, samples, 21, 43), 0);
	assert_true(other.low >= 6 && other.high <= 16);
	/* The more of them, the narrower. */
	double many[441];
	for (unsigned i = 0; i < 441; i++)
		many[i] = samples[i % 21];
	assert_int_equal(stats_of(&other, many, 441, 42), 0);
	assert_true(other.high - other.low < s.high - s.low);
}

static void test_ratio(void **state)
{
	const double a[] = {10, 11, 12, 13, 14}, b[] = {5, 5.5, 6, 6.5, 7}, zero[] = {0, 0, 0}, some[] = {0, 0, 1};
	struct stats_ratio r, again;

	(void)state;
	assert_int_equal(stats_ratio(&r, a, COUNT(a), b, COUNT(b), 1), 0);
	assert_near(2, r.ratio);
	assert_true(r.low > 1 && r.low < 2 && r.high > 2 && r.high < 3);
	assert_int_equal(stats_ratio(&again, a, COUNT(a), b, COUNT(b), 1), 0);
	assert_memory_equal(&r, &again, sizeof(r));
	assert_int_equal(stats_ratio(&r, a, COUNT(a), a, COUNT(a), 1), 0);
	assert_near(1, r.ratio);
	assert_true(r.low < 1 && r.high > 1);
	assert_int_equal(stats_ratio(&r, a, COUNT(a), zero, 3, 1), -EINVAL);
	assert_int_equal(stats_ratio(&r, a, COUNT(a), some, 3, 1), -EINVAL);
	assert_int_equal(stats_ratio(&r, zero, 3, a, COUNT(a), 1), 0);
	assert_near(0, r.ratio);
	assert_int_equal(stats_ratio(&r, a, COUNT(a), NULL, 0, 1), -EINVAL);
	assert_int_equal(stats_ratio(&r, NULL, 0, a, COUNT(a), 1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quantiles), cmocka_unit_test(test_few),	cmocka_unit_test(test_outliers),
		cmocka_unit_test(test_interval),  cmocka_unit_test(test_ratio),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
