/*
 * std_map - std::map: the red-black tree of the C++ library (libstdc++), by end (see map.h)
 */
#include <map>

#include "indexes/peers/map.h"

struct std_map {
	template <class Allocator>
	using map = std::map<map_key, struct vm_area_struct *, map_less, Allocator>;

	static constexpr const char *name = "std-map";
	static constexpr const char *summary = "std::map of ends: the C++ library's red-black tree";

	/* A node for each insert. */
	static void need(const struct map_pool &, size_t inserts, bool, size_t need[])
	{
		need[0] = inserts;
	}
};

MAP_REGISTER(std_map);
