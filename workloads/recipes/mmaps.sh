# python3 making 20,000 mappings that cannot merge, touching some, unmapping them out of order.
packages='python3'
subject=(/usr/bin/python3 -c '
import mmap, random
random.seed(1)
maps = []
for i in range(20000):
    maps.append(mmap.mmap(-1, 4096 * (1 + i % 3), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
                          prot=mmap.PROT_READ | (mmap.PROT_WRITE if i % 2 else 0)))
for m in maps[1::40]: m[0] = 1
random.shuffle(maps)
for m in maps[:12000]: m.close()
')
