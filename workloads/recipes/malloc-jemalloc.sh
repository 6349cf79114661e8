# jemalloc under stress: extents, purged by madvise.
packages='gcc libc6-dev libjemalloc2'
flags=''
. recipes/malloc-stress.inc
subject=(env LD_PRELOAD=libjemalloc.so.2 "$work/stress")
