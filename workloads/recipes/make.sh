# make -j4 of a small tree: a storm of short processes, vfork and exec.
packages='make gcc libc6-dev'
prepare() {
	for i in $(seq 24); do
		printf '#include <stdio.h>\n#include <stdlib.h>\nint f%d(void) { return printf("%%d", %d); }\n' \
			"$i" "$i" >"$work/f$i.c"
	done
	echo 'int main(void) { return 0; }' >"$work/main.c"
	printf 'OBJ := $(patsubst %%.c,%%.o,$(wildcard *.c))\nall: prog\nprog: $(OBJ)\n\tgcc -o $@ $^\n%%.o: %%.c\n\tgcc -O1 -c -o $@ $<\n' \
		>"$work/Makefile"
}
subject=(make -s -j4 -C "$work")
