# redis under load with three BGSAVEs: fork, and copy-on-write while clients write.
packages='redis-server redis-tools'
port=6390
subject=(redis-server --port $port --bind 127.0.0.1 --save '' --dir "$work" --enable-debug-command yes)
load() {
	local cli=(redis-cli -p $port) bench=(redis-benchmark -p $port -q -c 8 -d 200 -r 20000)
	wait_for "${cli[@]}" ping
	"${bench[@]}" -n 20000 -t set,lpush,zadd
	for _ in 1 2 3; do
		"${cli[@]}" bgsave
		"${bench[@]}" -n 5000 -t set,incr
		wait_for sh -c "${cli[*]} info persistence | grep -q rdb_bgsave_in_progress:0"
	done
	"${cli[@]}" shutdown nosave || true
}
