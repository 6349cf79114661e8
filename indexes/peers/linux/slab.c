/*
 * slab - the kernel's kmem_cache and call_rcu over an arena (see slab.h)
 *
 *   arena <──> spare nodes <──> the tree ──call_rcu──> deferred ──> spare nodes
 *
 * A stack of spare nodes stands for the kernel's free list of each processor.
 * What call_rcu is given is put off until a batch is full; then the writer waits
 * for one grace period.
 */
#include "indexes/peers/linux/slab.h"

#include <linux/rcupdate.h>
#include <linux/slab.h>

struct linux_object {
	struct linux_object *next;
};

static _Thread_local struct linux_slab *slab_used;

void linux_slab_use(struct linux_slab *slab)
{
	slab_used = slab;
}

static void *slab_take(struct linux_slab *slab)
{
	struct linux_object *object = slab->spare;

	if (object) {
		slab->spare = object->next;
		slab->nspare--;
		return object;
	}
	object = arena_alloc(slab->arena, LINUX_NODE_SIZE, LINUX_NODE_SIZE);
	slab->nodes += object != NULL;
	return object;
}

static void slab_give(struct linux_slab *slab, struct linux_object *object)
{
	object->next = slab->spare;
	slab->spare = object;
	slab->nspare++;
}

int linux_slab_fill(struct linux_slab *slab, size_t n)
{
	while (slab->nspare < n) {
		struct linux_object *object =
			arena_alloc(slab->arena, LINUX_NODE_SIZE, LINUX_NODE_SIZE);

		if (!object)
			return -ENOMEM;
		slab->nodes++;
		slab_give(slab, object);
	}
	return 0;
}

void linux_slab_trim(struct linux_slab *slab, size_t keep)
{
	while (slab->nspare > keep) {
		arena_free(slab->arena, slab_take(slab), LINUX_NODE_SIZE, LINUX_NODE_SIZE);
		slab->nodes--;
	}
}

void linux_slab_run_deferred(struct linux_slab *slab, size_t batch)
{
	struct backlog_item *item;

	if (slab->deferred.n < batch)
		return;
	item = batch ? backlog_take(&slab->deferred) : backlog_take_at_end(&slab->deferred);
	while (item) {
		struct backlog_item *next = item->next;
		struct rcu_head *head = container_of(item, struct rcu_head, item);

		head->func(head);
		item = next;
	}
}

/* ---- what the kernel's code calls ---- */

void call_rcu(struct rcu_head *head, void (*func)(struct rcu_head *head))
{
	head->func = func;
	backlog_add(&slab_used->deferred, &head->item, LINUX_NODE_SIZE);
}

/* There is one cache.  Another size means that the kernel's code was built for another machine. */
struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				     void (*ctor)(void *object))
{
	(void)name, (void)flags, (void)ctor;
	BUG_ON(size != LINUX_NODE_SIZE || align != LINUX_NODE_SIZE);
	return NULL;
}

void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp)
{
	(void)cache, (void)gfp;
	return slab_take(slab_used);
}

void kmem_cache_free(struct kmem_cache *cache, void *object)
{
	(void)cache;
	slab_give(slab_used, object);
}

int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **objects)
{
	(void)cache, (void)gfp;
	for (size_t i = 0; i < n; i++) {
		objects[i] = slab_take(slab_used);
		if (!objects[i]) {
			kmem_cache_free_bulk(cache, i, objects);
			return 0;
		}
	}
	return n;
}

void kmem_cache_free_bulk(struct kmem_cache *cache, size_t n, void **objects)
{
	(void)cache;
	for (size_t i = 0; i < n; i++)
		slab_give(slab_used, objects[i]);
}
