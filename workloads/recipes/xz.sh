# xz compressing on two threads: few, large allocations.
packages='xz-utils'
prepare() { seq 2000000 >"$work/data"; }
subject=(xz -T2 -3 -k "$work/data")
