# python3 that maps 11,000 files, looks into some and unmaps half, as databases and search engines do.
packages='python3'
prepare() { mkdir "$work/files"; for i in $(seq 11000); do echo "$i" >"$work/files/$i"; done; }
subject=(/usr/bin/python3 -c '
import mmap, os, sys
os.chdir(sys.argv[1])
maps = []
for i in range(1, 11001):
    fd = os.open(str(i), os.O_RDONLY)
    maps.append(mmap.mmap(fd, 0, prot=mmap.PROT_READ))
    os.close(fd)
print(sum(m[0] for m in maps[::7]))
for m in maps[::2]: m.close()
' "$work/files")
