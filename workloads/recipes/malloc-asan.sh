# AddressSanitizer's allocator under stress: shadow memory of 2^44 bytes, quarantine.
packages='gcc libc6-dev'
flags='-fsanitize=address'
. recipes/malloc-stress.inc
subject=(env ASAN_OPTIONS=detect_leaks=0 "$work/stress")
