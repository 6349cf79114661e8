# stress-ng's memory classes, a little of each: mremap, mprotect, munmap, shm, brk, stack, fork, vm.
packages='stress-ng'
subject=(stress-ng --quiet --seed 1 --vm-bytes 8m --mremap 1 --mremap-bytes 8m --mremap-ops 200
	 --mprotect 1 --mprotect-ops 300 --munmap 1 --munmap-ops 2 --shm 1 --shm-ops 30
	 --shm-sysv 1 --shm-sysv-ops 30 --brk 1 --brk-ops 300 --stack 1 --stack-ops 2 --fork 1
	 --fork-ops 60 --vm 1 --vm-ops 200 --mlock 1 --mlock-ops 50)
