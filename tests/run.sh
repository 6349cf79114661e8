#!/bin/bash
# run.sh PROGRAM [SUITE...] - runs the suites of a test program, one on each processor
#
# A suite that fails shows all it has printed, others their summary and what they leave
# out. The last line is "N passed, N failed"; the exit status is 1 if a test failed.
program=$1
shift
long='contract|replay|threads|model|torture' # these begin first: none is to run alone at the end
[ $# -gt 0 ] || mapfile -t suites < <("$program" --list | grep -xE "$long"; "$program" --list | grep -vxE "$long")
suites+=("$@")
export TEST_SEED=${TEST_SEED:-$(date +%s)}
echo "random tests: TEST_SEED=$TEST_SEED"
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

one() {
	local program=$1 suite=$2 out=$3 begin=$SECONDS status=0
	"$program" "$suite" > "$out/$suite" 2>&1 || status=$?
	summary=$(grep -aE '^[0-9]+%: Checks: ' "$out/$suite")
	printf '%-16s %s (%d s)\n' "$suite" "${summary:-ended with status $status}" \
		$((SECONDS - begin))
	grep -a '^index tests leave out' "$out/$suite"
	[ -n "$summary" ] || echo "0%: Checks: 1, Failures: 0, Errors: 1" >> "$out/$suite"
	[ $status = 0 ] || cat "$out/$suite"
}
export -f one
printf '%s\n' "${suites[@]}" | xargs -P "$(nproc)" -I{} bash -c 'one "$@"' _ "$program" {} "$out"

awk -F'[:,]' '/^[0-9]+%: Checks: / { checks += $3; failed += $5 + $7 }
	END { printf "%d passed, %d failed\n", checks - failed, failed; exit failed > 0 || !checks }' \
	"$out"/*
