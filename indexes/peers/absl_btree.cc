/*
 * absl_btree - absl::btree_map: the B-tree of Abseil, 15 entries in a node, by end (see map.h)
 */
#if !CHECK_LEVEL
#define NDEBUG /* its assertions are for checked builds, as ours are */
#endif

#include <absl/container/btree_map.h>

#include "indexes/peers/map.h"

struct absl_btree {
	template <class Allocator>
	using map = absl::btree_map<map_key, struct vm_area_struct *, map_less, Allocator>;

	static constexpr const char *name = "absl-btree";
	static constexpr const char *summary = "absl::btree_map of ends: Abseil's B-tree";

	/*
	 * Inner nodes are the largest there are, then come full leaves, then the
	 * roots of small trees.  An inner node has two children or more: so many
	 * levels of them there are at the most.
	 */
	static unsigned levels(const struct map_pool &pool)
	{
		return 63 - __builtin_clzl(pool.of[pool.sizes->n - 1].used + 1);
	}

	/*
	 * An insert splits at most a node of each level and makes a new root, which
	 * is not full again so soon; a small root is replaced by one of the next size.
	 */
	static void need(const struct map_pool &pool, size_t inserts, bool fresh, size_t need[])
	{
		unsigned leaf = pool.sizes->n - 2;

		need[leaf + 1] = inserts * (levels(pool) + 1);
		need[leaf] = inserts;
		if (fresh || pool.nodes() <= 1) {
			for (unsigned i = 0; i < leaf; i++)
				need[i] = 1;
		}
	}
};

MAP_REGISTER(absl_btree);
