#!/bin/bash
# spin.sh - the model of the publication holds, and each broken twin of it fails
set -e
model=$PWD/indexes/maple/publish.pml
work=build/spin
mkdir -p $work
cd $work

# try NAME FLAG...: prints what spin found; fails if that is not what is wanted
try() {
	local name=$1 want=$2 errors
	shift 2
	rm -f pan*
	spin "$@" -a "$model" > spin.out || { cat spin.out; exit 1; }
	gcc -O1 -w -DSAFETY -DCOLLAPSE -o pan pan.c
	./pan -m100000 > pan.out || { cat pan.out; exit 1; }
	grep -E '^pan:1: assertion|States?,? stored|states, stored|errors:|max search depth too small' \
		pan.out | sed "s/^ */$name: /"
	errors=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' pan.out)
	if grep -q 'too small' pan.out || [ "$((errors > 0))" != "$want" ]; then
		echo "make spin: $name: $errors errors, which is not what must be" >&2
		exit 1
	fi
}

try publish 0
try unfilled 1 -DUNFILLED
try no-grace 1 -DNO_GRACE
try two-steps 1 -DTWO_STEPS
