# nginx: a master, two workers, and requests for small files.
packages='nginx-light curl'
subject=(/usr/sbin/nginx -p "$work" -c "$work/nginx.conf")
prepare() {
	mkdir "$work/html"
	for i in $(seq 50); do head -c $((i * 300)) /dev/zero >"$work/html/$i"; done
	cat >"$work/nginx.conf" <<EOF
daemon off; worker_processes 2; pid $work/pid; error_log $work/error;
events { worker_connections 64; }
http { access_log off; client_body_temp_path $work/a; proxy_temp_path $work/b; fastcgi_temp_path $work/c;
       uwsgi_temp_path $work/d; scgi_temp_path $work/e;
       server { listen 127.0.0.1:8391; location / { root $work/html; } } }
EOF
}
load() {
	wait_for curl -sf http://127.0.0.1:8391/1
	for _ in 1 2 3 4; do curl -sf "http://127.0.0.1:8391/[1-50]"; done
	kill -QUIT "$(cat "$work/pid")"
}
