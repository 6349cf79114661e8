# The C compiler: driver, compiler proper, assembler and linker, one after the other.
packages='gcc libc6-dev'
prepare() {
	for i in $(seq 400); do
		echo "int f$i(int *a, int n) { int s = $i; for (int i = 0; i < n; i++) s += a[i] * $i ^ s; return s; }"
	done >"$work/a.c"
	echo 'int main(void) { int a[9] = { 1 }; return f1(a, 9) & 1 ? 0 : 0; }' >>"$work/a.c"
}
subject=(gcc -O2 -g -o "$work/a" "$work/a.c")
