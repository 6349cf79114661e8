/*
 * map.h - an index of VMAs on a C++ ordered map: std::map or absl::btree_map
 *
 *	map     end -> VMA | end -> VMA | end -> VMA        upper_bound(addr) is find
 *	pool    spare nodes of each size that the map asks for
 *
 * An edit writes the VMAs that it puts over those that it finds in the window,
 * keys and all: the order of the keys does not change by that, so the map has
 * nothing to do.  Only what is left over is erased, or inserted with a hint.  A
 * resize costs no more than the search for its place, and that is made once:
 * commit goes on where reserve has looked.
 *
 * The map's memory is the pool's, and the pool's is the index's arena.  reserve
 * fills the pool with all that the map can ask for, so that nothing is ever
 * thrown.  What the map needs for a number of inserts its file says.
 */
#ifndef INDEXES_PEERS_MAP_H
#define INDEXES_PEERS_MAP_H

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdio.h>
#include <type_traits>
#include <utility>

extern "C" {
#include "indexes/ordered.h"
}

#define MAP_SIZES 8 /* sizes of nodes that a map can have */
#define MAP_SPARE 2 /* nodes of a size that are kept when nothing is reserved */

/* The sizes of a type's nodes, ascending. */
struct map_sizes {
	unsigned n;
	size_t size[MAP_SIZES];
};

struct map_pool {
	struct spare {
		struct spare *next;
	};

	struct arena *arena;
	const struct map_sizes *sizes;
	struct {
		struct spare *first;
		size_t spares, keep; /* keep: no more spares than that are left by the map */
		size_t used;         /* nodes of the map */
	} of[MAP_SIZES];

	unsigned which(size_t size) const
	{
		unsigned i = 0;

		while (sizes->size[i] != size)
			i++;
		return i;
	}

	/* At least need[] spares of each size; false if out of memory. */
	bool fill(const size_t need[MAP_SIZES]) noexcept
	{
		for (unsigned i = 0; i < sizes->n; i++) {
			of[i].keep = max(need[i], (size_t)MAP_SPARE);
			for (; of[i].spares < need[i]; of[i].spares++) {
				void *node = arena_alloc(arena, sizes->size[i], 0);

				if (!node)
					return false;
				of[i].first = new (node) spare{ of[i].first };
			}
		}
		return true;
	}

	void *take(size_t size)
	{
		unsigned i = which(size);
		struct spare *node = of[i].first;

		if (!node)
			throw std::bad_alloc();
		of[i].first = node->next;
		of[i].spares--;
		of[i].used++;
		return node;
	}

	void give(void *node, size_t size) noexcept
	{
		unsigned i = which(size);

		of[i].used--;
		if (of[i].spares >= of[i].keep) {
			arena_free(arena, node, size, 0);
			return;
		}
		of[i].first = new (node) spare{ of[i].first };
		of[i].spares++;
	}

	/* Gives all spares back to the arena. */
	void empty() noexcept
	{
		for (unsigned i = 0; i < sizes->n; i++) {
			while (of[i].spares) {
				struct spare *node = of[i].first;

				of[i].first = node->next;
				of[i].spares--;
				arena_free(arena, node, sizes->size[i], 0);
			}
		}
	}

	size_t nodes() const
	{
		size_t n = 0;

		for (unsigned i = 0; i < sizes->n; i++)
			n += of[i].used;
		return n;
	}

	size_t bytes() const
	{
		size_t n = 0;

		for (unsigned i = 0; i < sizes->n; i++)
			n += (of[i].used + of[i].spares) * sizes->size[i];
		return n;
	}
};

/* Memory for a map, by a source that has take() and give(). */
template <class T, class Source> struct map_allocator {
	using value_type = T;
	template <class U> struct rebind {
		using other = map_allocator<U, Source>;
	};

	Source *source;

	explicit map_allocator(Source *from) noexcept : source(from)
	{
	}
	template <class U>
	map_allocator(const map_allocator<U, Source> &other) noexcept : source(other.source)
	{
	}

	T *allocate(size_t n)
	{
		return static_cast<T *>(source->take(n * sizeof(T)));
	}

	void deallocate(T *p, size_t n) noexcept
	{
		source->give(p, n * sizeof(T));
	}

	template <class U> bool operator==(const map_allocator<U, Source> &other) const
	{
		return source == other.source;
	}

	template <class U> bool operator!=(const map_allocator<U, Source> &other) const
	{
		return source != other.source;
	}
};

/* A key may change while it stands, as long as the order stays. */
struct map_key {
	mutable unsigned long end;
};

/* As absl searches the nodes of a map of plain numbers: from the first on. */
struct map_less {
	using absl_btree_prefer_linear_node_search = std::true_type;

	bool operator()(const map_key &a, const map_key &b) const
	{
		return a.end < b.end;
	}
};

/* Notes the sizes that a map asks for. */
struct map_ruler {
	struct map_sizes sizes;

	void *take(size_t size)
	{
		unsigned i = 0;

		while (i < sizes.n && sizes.size[i] < size)
			i++;
		if (i == sizes.n || sizes.size[i] != size) {
			if (sizes.n == MAP_SIZES)
				abort();
			memmove(&sizes.size[i + 1], &sizes.size[i], (sizes.n++ - i) * sizeof(size));
			sizes.size[i] = size;
		}
		return ::operator new(size);
	}

	void give(void *node, size_t) noexcept
	{
		::operator delete(node);
	}
};

/* The head of each index: struct vma_index first. */
struct map_head {
	struct vma_index index;
	size_t vmas;
};

/*
 * The index.  Type says: template map<Allocator>, the map; name and summary; and
 * need(pool, inserts, fresh, need): the nodes of each size that so many inserts
 * can take at the most.  fresh: the map may have been emptied before them.
 */
template <class Type> struct map_index : map_head {
	template <class Source>
	using map_on = typename Type::template map<
		map_allocator<std::pair<const map_key, struct vm_area_struct *>, Source>>;
	using map_type = map_on<struct map_pool>;
	using place = typename map_type::iterator;

	struct map_pool pool;
	map_type map;
	place plan; /* where the next commit begins */
	bool planned;

	static map_index *of(const struct vma_index *index)
	{
		return static_cast<map_index *>((struct map_head *)index);
	}

	/* A map of another kind of memory tells what nodes there are. */
	static const struct map_sizes *sizes()
	{
		static const struct map_sizes known = [] {
			struct map_ruler ruler = {};
			map_allocator<std::pair<const map_key, struct vm_area_struct *>,
				      struct map_ruler>
				allocator(&ruler);
			map_on<struct map_ruler> map{ map_less(), allocator };

			for (unsigned long end = 1; end <= 1000; end++)
				map.insert(map.end(), { map_key{ end }, nullptr });
			return ruler.sizes;
		}();

		return &known;
	}

	static int init(struct vma_index *index)
	{
		map_index *self = of(index);
		map_allocator<struct vma_bounds, struct map_pool> allocator(&self->pool);

		self->pool.arena = index->arena;
		self->pool.sizes = sizes();
		new (&self->map) map_type(map_less(), allocator);
		new (&self->plan) place();
		return 0;
	}

	static void destroy(struct vma_index *index)
	{
		map_index *self = of(index);

		self->map.~map_type();
		self->pool.empty();
	}

	/* ---- readers ---- */

	static struct vm_area_struct *find(const struct vma_index *index, unsigned long addr)
	{
		map_index *self = of(index);
		place at = self->map.upper_bound(map_key{ addr });

		return at == self->map.end() ? nullptr : at->second;
	}

	/*
	 * The cursor's node and slot are the map's iterator; where the sanitizer
	 * has made that larger, slot is the key.  Before the first node is NULL.
	 */
	struct words {
		void *node;
		unsigned long slot;
	};
	static constexpr bool fits = sizeof(place) <= sizeof(struct words);

	static place load(map_index *self, const struct vma_cursor *cursor)
	{
		if constexpr (fits) {
			struct words words = { cursor->node, cursor->slot };
			place at;

			memcpy((void *)&at, &words, sizeof(at));
			return at;
		} else {
			return self->map.lower_bound(map_key{ cursor->slot });
		}
	}

	static struct vm_area_struct *stand(map_index *self, struct vma_cursor *cursor, place at)
	{
		bool off = at == self->map.end();

		if constexpr (fits) {
			struct words words = {};

			memcpy(&words, (const void *)&at, sizeof(at));
			cursor->node = words.node;
			cursor->slot = words.slot;
		} else {
			cursor->node = self;
			cursor->slot = off ? ~0UL : at->first.end;
		}
		return cursor->vma = off ? nullptr : at->second;
	}

	static struct vm_area_struct *seek(struct vma_cursor *cursor, unsigned long addr)
	{
		map_index *self = of(cursor->index);

		return stand(self, cursor, self->map.upper_bound(map_key{ addr }));
	}

	static struct vm_area_struct *next(struct vma_cursor *cursor)
	{
		map_index *self = of(cursor->index);

		if (!cursor->node)
			return stand(self, cursor, self->map.begin());
		return cursor->vma ? stand(self, cursor, ++load(self, cursor)) : nullptr;
	}

	static struct vm_area_struct *prev(struct vma_cursor *cursor)
	{
		map_index *self = of(cursor->index);
		place at;

		if (!cursor->node)
			return nullptr;
		at = load(self, cursor);
		if (at != self->map.begin())
			return stand(self, cursor, --at);
		cursor->node = nullptr;
		return cursor->vma = nullptr;
	}

	/* The map's iterator from VMA to VMA, and the cursor once. */
	static unsigned scan(struct vma_cursor *cursor, struct vm_area_struct **vmas, unsigned n)
	{
		map_index *self = of(cursor->index);
		unsigned done = 0;
		place at;

		if (!cursor->vma)
			return 0;
		at = load(self, cursor);
		for (; done < n && at != self->map.end(); ++at)
			vmas[done++] = at->second;
		stand(self, cursor, at);
		return done;
	}

	static int find_gap(const struct vma_index *index, struct vma_gap *gap)
	{
		return ordered_find_gap(index, gap, seek, next, prev);
	}

	/* ---- the writer ---- */

	/* Whether the entry at that place is in a window that ends at hi. */
	bool inside(place at, unsigned long hi)
	{
		return at != map.end() && at->first.end <= hi;
	}

	bool fill(size_t inserts, bool fresh) noexcept
	{
		size_t need[MAP_SIZES] = {};

		if (inserts)
			Type::need(pool, inserts, fresh, need);
		return pool.fill(need);
	}

	static int reserve(struct vma_index *index, const struct vma_edit *edits, unsigned n)
	{
		map_index *self = of(index);
		size_t inserts = 0;

		for (unsigned i = 0; i < n; i++) {
			const struct vma_edit *edit = &edits[i];
			place at = self->map.upper_bound(map_key{ edit->lo });
			unsigned there = 0;

			self->plan = at;
			for (; there < edit->nput && self->inside(at, edit->hi); ++at)
				there++;
			inserts += edit->nput - there;
		}
		if (!self->fill(inserts, n > 1))
			return -ENOMEM;
		self->planned = n == 1;
		return 0;
	}

	static void unreserve(struct vma_index *index)
	{
		of(index)->planned = false;
	}

	static void commit(struct vma_index *index, const struct vma_edit *edit) noexcept
	{
		map_index *self = of(index);
		auto &map = self->map;
		place at = self->planned ? self->plan : map.upper_bound(map_key{ edit->lo });
		unsigned i = 0;

		self->planned = false;
		for (; i < edit->nput && self->inside(at, edit->hi); i++, ++at) {
			at->first.end = edit->put[i].end;
			at->second = edit->put[i].vma;
		}
		if (i == edit->nput) {
			place last = at;

			while (self->inside(last, edit->hi))
				++last;
			if (last != at)
				map.erase(at, last);
		}
		for (; i < edit->nput; i++, ++at)
			at = map.insert(at, { map_key{ edit->put[i].end }, edit->put[i].vma });
		for (i = 0; i < edit->nput; i++)
			vma_set_bounds(edit->put[i].vma, edit->put[i].start, edit->put[i].end);
		self->vmas = map.size();
	}

	static int build(struct vma_index *index, struct vm_area_struct *const *vmas,
			 size_t n) noexcept
	{
		map_index *self = of(index);

		for (size_t i = 0; i < n; i++) {
			if (!self->fill(1, false)) {
				self->map.clear();
				self->vmas = 0;
				return -ENOMEM;
			}
			self->map.insert(self->map.end(), { map_key{ vma_end(vmas[i]) }, vmas[i] });
		}
		self->vmas = n;
		return 0;
	}

	static void footprint(const struct vma_index *index, struct vma_footprint *footprint)
	{
		map_index *self = of(index);

		footprint->vmas = self->vmas;
		footprint->nodes = self->pool.nodes();
		footprint->bytes = sizeof(*self) + self->pool.bytes();
		footprint->height = 0;
	}

	static const struct vma_index_ops *ops()
	{
		static const struct vma_index_ops ops = [] {
			struct vma_index_ops all = {};

			all.name = Type::name;
			all.summary = Type::summary;
			all.abi = VMA_INDEX_ABI;
			all.caps = VMA_INDEX_PEER;
			all.size = sizeof(map_index);
			all.init = init;
			all.destroy = destroy;
			all.find = find;
			all.seek = seek;
			all.next = next;
			all.prev = prev;
			all.scan = scan;
			all.find_gap = find_gap;
			all.reserve = reserve;
			all.commit = commit;
			all.unreserve = unreserve;
			all.build = build;
			all.footprint = footprint;
			return all;
		}();

		return &ops;
	}
};

#define MAP_REGISTER(type)                                         \
	__attribute__((constructor)) static void type##_register() \
	{                                                          \
		vma_index_register(map_index<struct type>::ops()); \
	}                                                          \
	static_assert(true, "")

#endif
