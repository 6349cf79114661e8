# tcmalloc under stress: spans of a page heap.
packages='gcc libc6-dev libtcmalloc-minimal4'
flags=''
. recipes/malloc-stress.inc
subject=(env LD_PRELOAD=libtcmalloc_minimal.so.4 "$work/stress")
