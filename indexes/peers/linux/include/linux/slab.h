/*
 * slab - the kernel's interface to a cache of objects; here all are maple nodes (slab.c)
 */
#ifndef LINUX_SLAB_H
#define LINUX_SLAB_H

#include <linux/kernel.h>

#define GFP_KERNEL   1u
#define GFP_NOWAIT   2u
#define __GFP_NOWARN 4u
#define SLAB_PANIC   0u

struct kmem_cache;

static inline bool gfpflags_allow_blocking(gfp_t gfp)
{
	return gfp & GFP_KERNEL;
}

struct kmem_cache *kmem_cache_create(const char *name, size_t size, size_t align, unsigned flags,
				     void (*ctor)(void *object));
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t gfp);
void kmem_cache_free(struct kmem_cache *cache, void *object);

/* All n objects, and n; or none, and 0. */
int kmem_cache_alloc_bulk(struct kmem_cache *cache, gfp_t gfp, size_t n, void **objects);
void kmem_cache_free_bulk(struct kmem_cache *cache, size_t n, void **objects);

#endif
