# git: a repository made, filled, packed, cloned and searched; pack files are mapped in windows.
packages='git'
prepare() {
	cat >"$work/run" <<'EOF'
set -e
cd "$1"
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
git init -q a
cd a
for i in 1 2 3 4 5 6; do
	for k in $(seq 40); do seq $((i * k * 10)) >f$k; done
	git add . && git commit -q -m "$i"
done
git gc -q
cd .. && git clone -q a b && cd b && git log -p | tail -1 && git grep -c 77 >/dev/null
EOF
}
subject=(sh "$work/run" "$work")
