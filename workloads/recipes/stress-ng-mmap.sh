# stress-ng --mmap: mappings made, protected, advised and unmapped page by page, over 5,000 VMAs.
packages='stress-ng'
subject=(stress-ng --quiet --seed 1 --mmap 1 --mmap-bytes 32m --mmap-ops 4)
