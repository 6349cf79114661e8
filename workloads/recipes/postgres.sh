# postgres under pgbench with four clients: shared memory and a process a client.
packages='postgresql postgresql-contrib'
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1)
as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
[ "$(id -u)" = 0 ] || as_user=()
prepare() {
	bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
	mkdir "$work/db"
	[ "$(id -u)" != 0 ] || chown postgres:postgres "$work" "$work/db"
	"${as_user[@]}" "$bin/initdb" -D "$work/db" -A trust -N
	subject=("${as_user[@]}" "$bin/postgres" -D "$work/db" -k "$work" -p 5490
		 -c listen_addresses= -c fsync=off)
}
load() {
	local at=(-h "$work" -p 5490)
	wait_for "${as_user[@]}" "$bin/pg_isready" "${at[@]}"
	"${as_user[@]}" "$bin/pgbench" "${at[@]}" -i -q -s 1 postgres
	"${as_user[@]}" "$bin/pgbench" "${at[@]}" -c 4 -j 2 -t 100 postgres
	"${as_user[@]}" "$bin/pg_ctl" -D "$work/db" -m fast stop
}
