# The mold linker on 1,500 objects: as many files mapped at once.
packages='mold gcc libc6-dev'
prepare() {
	for i in $(seq 1500); do echo "int f$i(void) { return $i; }"; done |
		split -l 1 -a 4 -d --additional-suffix=.c - "$work/f"
	echo 'int main(void) { return 0; }' >"$work/main.c"
	(cd "$work" && gcc -c ./*.c)
}
subject=(sh -c "cd '$work' && exec gcc -B/usr/libexec/mold -fuse-ld=mold -o out ./*.o")
