# glibc's malloc under stress: an arena a thread, grown by mprotect, trimmed by madvise.
packages='gcc libc6-dev'
flags=''
. recipes/malloc-stress.inc
subject=("$work/stress")
