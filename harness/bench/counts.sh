#!/bin/bash
# counts.sh CASE INDEX VMAS FILE - instructions per operation, by callgrind
#
# Runs each case on each index under callgrind, which looks only into
# bench_counted(): ageing, checks and restoring are left out.  Environment, seed
# and allocator are fixed, so that two runs give the same numbers.
# CASE is a CASE/MODE or a pattern, INDEX is A,B,...; "" means all.  Of a recorded program,
# replay-NAME/index, an operation is all that it asks its indexes, and VMAs are the most it
# has; they are counted only when CASE begins with replay-, because it takes minutes.
# FILE has the results after each case, and says that it is incomplete until all are there.
set -e
case=${1:-*} index=$2 vmas=$3 file=$4
[ -n "$index" ] || index=$(./vmabench list --names indexes | paste -sd,)

# Prints VMAs, operations and instructions of one case on one index; nothing if it is skipped.
count() {
	local log
	log=$(env -i MALLOC_CONF=narenas:1,dirty_decay_ms:-1,muzzy_decay_ms:-1 \
		valgrind --tool=callgrind --callgrind-out-file=/dev/null \
		--toggle-collect='bench_counted*' ./vmabench bench --case "$1" --index "$2" \
		--vmas "$vmas" --count "$3" --cycle 4096 --limit 1000 2>&1) || { echo "$log" >&2; exit 1; }
	awk '$4 == "operations" { vmas = $2; operations = $5 }
	     / Collected : / { instructions = $NF }
	     END { if (operations) print vmas, operations, instructions }' <<<"$log"
}

# What was counted so far, as FILE; "incomplete" is its first argument, if it has one.
save() {
	printf '{\n "schema": 1,\n%s "counts": [\n%s\n ]\n}\n' "${1:+ \"$1\": true,
}" "$entries" | ./vmabench save "$file"
}

mkdir -p "$(dirname "$file")"
./vmabench save --check "$file"
entries=
printf '%-28s %10s %-8s %12s\n' case VMAs index instructions
names=$(./vmabench list --names cases)
[[ $case != replay-* ]] || names=$(cd workloads/traces && printf 'replay-%s/index\n' *.vmt | sed 's/\.vmt//')
for name in $names; do
	# shellcheck disable=SC2053  # a pattern is what is wanted
	[[ $name == $case || ${name%/*} == $case ]] || continue
	for i in ${index//,/ }; do
		read -r most operations instructions < <(count "$name" "$i" "$([[ $name == replay-* ]] && echo 1 || echo 1024)") || continue
		per=$(awk -v a="$instructions" -v b="$operations" 'BEGIN { printf "%.1f", a / b }')
		printf '%-28s %10d %-8s %12s\n' "$name" "$most" "$i" "$per"
		entries+="${entries:+,
}  {\"case\": \"${name%/*}\", \"mode\": \"${name#*/}\", \"vmas\": $most, \"index\": \"$i\", \"instructions\": $per}"
	done
	[ -z "$entries" ] || save incomplete
done
[ -n "$entries" ] || { echo "counts.sh: no case '$case' that '$index' can run" >&2; exit 2; }
save
