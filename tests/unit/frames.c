/*
 * Tests of mm/frames.c and mm/page_cache.c.
 */
#include <stdlib.h>

#include "base/rng.h"
#include "mm/frames.h"
#include "mm/page_cache.h"
#include "tests/suite.h"

START_TEST(test_pages)
{
	struct frames *frames = frames_create(0, NULL);
	pfn_t a = alloc_page(frames, 11), b = alloc_page(frames, 22);

	ck_assert(a && b && a != b);
	ck_assert_uint_eq(frames_in_use(frames), 2);
	ck_assert_uint_eq(pfn_to_page(frames, a)->content, 11);
	ck_assert_int_eq(pfn_to_page(frames, a)->_refcount, 1);
	ck_assert_int_eq(pfn_to_page(frames, a)->_mapcount, 0);

	get_page(frames, a);
	put_page(frames, a);
	ck_assert_uint_eq(frames_in_use(frames), 2);
	put_page(frames, a);
	ck_assert_uint_eq(frames_in_use(frames), 1);
	ck_assert_uint_eq(pfn_to_page(frames, b)->content, 22);
	/* a free page is used again, and with nothing left of its former life */
	ck_assert_uint_eq(alloc_page(frames, 33), a);
	ck_assert_uint_eq(pfn_to_page(frames, a)->content, 33);
	ck_assert_int_eq(pfn_to_page(frames, a)->_refcount, 1);
	frames_destroy(frames);
	frames_destroy(NULL);
}
END_TEST

START_TEST(test_zero_page)
{
	struct frames *frames = frames_create(0, NULL);

	get_page(frames, 0);
	put_page(frames, 0);
	ck_assert_int_eq(pfn_to_page(frames, 0)->_refcount, 1);
	ck_assert_uint_eq(pfn_to_page(frames, 0)->content, 0);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	frames_destroy(frames);
}
END_TEST

START_TEST(test_limit)
{
	struct frames *frames = frames_create(3, NULL);
	pfn_t last = 0;

	for (int i = 0; i < 3; i++) {
		last = alloc_page(frames, i);
		ck_assert_uint_ne(last, 0);
	}
	ck_assert_uint_eq(alloc_page(frames, 4), 0);
	ck_assert_uint_eq(frames_in_use(frames), 3);
	put_page(frames, last);
	ck_assert_uint_eq(alloc_page(frames, 5), last);
	ck_assert_uint_eq(alloc_page(frames, 6), 0);
	frames_destroy(frames);
}
END_TEST

/* Memory follows the most pages in use at a time, not the number ever allocated. */
START_TEST(test_frames_memory)
{
	enum { PEAK = 100000, CHUNK = 131072 };
	struct frames *frames = frames_create(0, NULL);
	pfn_t *pfn = malloc(PEAK * sizeof(*pfn));
	size_t bytes;

	ck_assert_uint_le(frames_bytes(frames), 2 * CHUNK);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < PEAK; i++)
			pfn[i] = alloc_page(frames, i);
		for (int i = 0; i < PEAK; i++) {
			if (pfn_to_page(frames, pfn[i])->content != (uint64_t)i)
				ck_abort_msg("page %d has another page's content", i);
		}
		for (int i = 0; i < PEAK; i++)
			put_page(frames, pfn[i * 7919L % PEAK]);
		ck_assert_uint_eq(frames_in_use(frames), 0);
	}
	bytes = frames_bytes(frames);
	ck_assert_uint_le(bytes, PEAK * sizeof(struct page) + 2 * CHUNK);
	free(pfn);
	frames_destroy(frames);
}
END_TEST

START_TEST(test_cache_contents)
{
	struct frames *frames = frames_create(0, NULL);
	struct page_cache one, two;
	pfn_t pfn;

	page_cache_init(&one, 1);
	page_cache_init(&two, 2);
	pfn = page_cache_get(&one, frames, 5);
	ck_assert_uint_ne(pfn, 0);
	ck_assert_uint_eq(page_cache_get(&one, frames, 5), pfn);
	ck_assert_int_eq(pfn_to_page(frames, pfn)->_refcount, 1);
	ck_assert_uint_ne(pfn_to_page(frames, page_cache_get(&one, frames, 6))->content,
			  pfn_to_page(frames, pfn)->content);
	ck_assert_uint_ne(pfn_to_page(frames, page_cache_get(&two, frames, 5))->content,
			  pfn_to_page(frames, pfn)->content);
	ck_assert_uint_eq(frames_in_use(frames), 3);

	/* a page that somebody maps outlives its file's cache */
	uint64_t content = pfn_to_page(frames, pfn)->content;
	get_page(frames, pfn);
	page_cache_destroy(&one, frames);
	page_cache_destroy(&two, frames);
	ck_assert_uint_eq(frames_in_use(frames), 1);
	ck_assert_uint_eq(pfn_to_page(frames, pfn)->content, content);
	/* and read in again it has the same content, in another frame */
	ck_assert_uint_ne(page_cache_get(&one, frames, 5), pfn);
	ck_assert_uint_eq(pfn_to_page(frames, page_cache_get(&one, frames, 5))->content, content);
	page_cache_destroy(&one, frames);
	put_page(frames, pfn);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	frames_destroy(frames);
}
END_TEST

START_TEST(test_cache_limit)
{
	struct frames *frames = frames_create(2, NULL);
	struct page_cache cache;

	page_cache_init(&cache, 9);
	ck_assert_uint_ne(page_cache_get(&cache, frames, 0), 0);
	ck_assert_uint_ne(page_cache_get(&cache, frames, 1UL << 45), 0);
	ck_assert_uint_eq(page_cache_get(&cache, frames, 2), 0);
	ck_assert_uint_eq(cache.pages, 2);
	ck_assert_uint_ne(page_cache_get(&cache, frames, 1UL << 45), 0);
	page_cache_destroy(&cache, frames);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	frames_destroy(frames);
}
END_TEST

/* Random reads and truncations against an array of what must be cached. */
START_TEST(test_cache_random)
{
	enum { PAGES = 3000 };
	struct frames *frames = frames_create(0, NULL);
	pfn_t *model = calloc(PAGES, sizeof(*model));
	struct page_cache cache;
	size_t cached = 0;
	struct rng rng;

	rng_seed(&rng, test_seed());
	page_cache_init(&cache, 42);
	for (int i = 0; i < 200000; i++) {
		uint64_t pgoff = rng_below(&rng, 1 + rng_below(&rng, PAGES));
		pfn_t pfn;

		if (rng_one_in(&rng, 500)) {
			page_cache_punch(&cache, frames, pgoff, UINT64_MAX);
			for (uint64_t j = pgoff; j < PAGES; j++) {
				cached -= model[j] != 0;
				model[j] = 0;
			}
		} else {
			pfn = page_cache_get(&cache, frames, pgoff);
			if (!pfn || (model[pgoff] && model[pgoff] != pfn))
				ck_abort_msg("step %d: page %lu moved", i, pgoff);
			cached += !model[pgoff];
			model[pgoff] = pfn;
		}
		if (cache.pages != cached || frames_in_use(frames) != cached)
			ck_abort_msg("step %d: %zu pages, expected %zu", i, cache.pages, cached);
		if (cache.capacity > 4 * cached + 8)
			ck_abort_msg("step %d: %zu slots for %zu pages", i, cache.capacity, cached);
	}
	page_cache_destroy(&cache, frames);
	ck_assert_ptr_null(cache.slot);
	ck_assert_uint_eq(frames_in_use(frames), 0);
	free(model);
	frames_destroy(frames);
}
END_TEST

TEST_SUITE(frames)
{
	Suite *suite = suite_create("frames");
	TCase *pages = tcase_create("pages"), *cache = tcase_create("page cache");

	tcase_add_test(pages, test_pages);
	tcase_add_test(pages, test_zero_page);
	tcase_add_test(pages, test_limit);
	tcase_add_test(pages, test_frames_memory);
	suite_add_tcase(suite, pages);
	tcase_add_test(cache, test_cache_contents);
	tcase_add_test(cache, test_cache_limit);
	tcase_add_test(cache, test_cache_random);
	suite_add_tcase(suite, cache);
	return suite;
}
