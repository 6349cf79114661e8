# mimalloc under stress: segments, reset and decommitted.
packages='gcc libc6-dev libmimalloc2.0'
flags=''
. recipes/malloc-stress.inc
subject=(env LD_PRELOAD=libmimalloc.so.2 "$work/stress")
