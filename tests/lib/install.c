/*
 * What 'make install' puts somewhere is all that a user of libvmaindex needs:
 * the example is built from there by its own Makefile, as C and as C++, static
 * and shared, and does what it should; the libraries export nothing but
 * vmaindex_*, and need nothing but the C library.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/vmaindex.h"
#include "tests/command.h"
#include "tests/suite.h"

static const char *dir;
static char user[256]; /* the environment of one who builds with what is installed */

static const char expected[] = "4 regions\n"
			       "  0x000000000-0x000800000 ram\n"
			       "  0x010000000-0x010001000 uart\n"
			       "  0x0ffef0000-0x0ffff0000 video\n"
			       "  0x0ffff0000-0x100000000 rom\n"
			       "store 0x000500123 ram\n"
			       "load  0x000500123 ram 0x2a\n"
			       "store 0x010000000 uart\n"
			       "uart: x\n"
			       "load  0x000900000 fault\n"
			       "the balloon takes [4 MB, 5 MB)\n"
			       "5 regions\n"
			       "  0x000000000-0x000400000 ram\n"
			       "  0x000500000-0x000800000 ram\n"
			       "  0x010000000-0x010001000 uart\n"
			       "  0x0ffef0000-0x0ffff0000 video\n"
			       "  0x0ffff0000-0x100000000 rom\n"
			       "load  0x000500123 ram 0x2a\n"
			       "load  0x000400000 fault\n"
			       "the guest ends\n"
			       "0 regions\n";

static void install(void)
{
	dir = command_folder();
	ck_command(0, "",
		   "env -u MAKEFLAGS -u MAKELEVEL make VARIANT=release install DESTDIR=%s "
		   "PREFIX=/usr",
		   dir);
	snprintf(user, sizeof(user),
		 "env -u MAKEFLAGS -u VMABENCH PKG_CONFIG_SYSROOT_DIR=%s "
		 "PKG_CONFIG_PATH=%s/usr/lib/pkgconfig LD_LIBRARY_PATH=%s/usr/lib",
		 dir, dir, dir);
}

START_TEST(test_files)
{
	ck_command(0, "vmabench VERB", "%s/usr/bin/vmabench --help", dir);
	ck_command(0, "differences=0", "%s/usr/bin/vmabench check --ops 1000 --quiet", dir);
	ck_command(0, "", "test -x %s/usr/libexec/vmabench/kernel-subject", dir);
	ck_command(0, ".TH \"vmabench\" \"1\"", "cat %s/usr/share/man/man1/vmabench.1", dir);
	ck_command(0, ".TH \"vmaindex\" \"3\"", "cat %s/usr/share/man/man3/vmaindex.3", dir);
	ck_command(0, "libvmaindex.so.0\n", "readlink %s/usr/lib/libvmaindex.so", dir);
	ck_command(0, "[libvmaindex.so.0]", "readelf -d %s/usr/lib/libvmaindex.so", dir);
	ck_command(0, "", "%s pkg-config --exact-version=%s vmaindex", user, VMAINDEX_VERSION);
}
END_TEST

/* A program that names all that the header declares, by compilers, languages and warnings. */
START_TEST(test_header)
{
	static const char *const ways[] = { "gcc -std=c99 -pedantic",
					    "gcc -std=gnu2x",
					    "g++ -x c++ -std=c++11 -pedantic",
					    "g++ -x c++ -std=c++20 -pedantic",
					    "clang -std=c99 -pedantic -Wno-c11-extensions",
					    "clang++ -x c++ -std=c++11 -pedantic" };

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (command("command -v $(echo '%s' | cut -d' ' -f1)", ways[i])->status) {
			printf("install: '%s' is not installed: left out\n", ways[i]);
			continue;
		}
		ck_command(
			0, "",
			"%s %s -Wall -Wextra -Wshadow -Wconversion -Wcast-align -Werror "
			"-o %s/all tests/lib/user/all.c -I%s/usr/include -L%s/usr/lib -lvmaindex "
			"&& %s %s/all",
			user, ways[i], dir, dir, dir, user, dir);
	}
}
END_TEST

/* Neither the header nor the library's own sources need any but the C library's headers. */
START_TEST(test_needs_no_other_headers)
{
	static const char others[] = "'/(urcu|jemalloc|zstd|jansson|benchmark)'";

	ck_command(0, "vmaindex.h", "gcc -M -I%s/usr/include tests/lib/user/all.c", dir);
	ck_command(1, "", "gcc -M -I%s/usr/include tests/lib/user/all.c | grep -E %s", dir, others);
	ck_command(0, "immintrin.h",
		   "gcc -M -I. -D_GNU_SOURCE lib/*.c indexes/btree/*.c "
		   "indexes/vma_index.c");
	ck_command(1, "",
		   "gcc -M -I. -D_GNU_SOURCE lib/*.c indexes/btree/*.c indexes/vma_index.c | "
		   "grep -E %s",
		   others);
}
END_TEST

START_TEST(test_refused_on_32_bits)
{
	ck_command(1, "error: #error \"vmaindex.h: libvmaindex is for 64-bit processors",
		   "echo '#include <vmaindex.h>' | gcc -m32 -fsyntax-only -I%s/usr/include -x c -",
		   dir);
	ck_command(1, "needs a 64-bit processor",
		   "echo '#include \"base/util.h\"' | gcc -m32 -fsyntax-only -I. -x c -");
}
END_TEST

/* All functions of the header are in the manual, and the other way round. */
START_TEST(test_manual)
{
	static const char names[] = "grep -oE 'vmaindex_[a-z_]+ ?\\(' %s | tr -d ' (' | sort -u";
	char header[256], manual[256];

	snprintf(header, sizeof(header), names, "lib/vmaindex.h");
	snprintf(manual, sizeof(manual), names, "doc/vmaindex.3.scd");
	ck_command(0, "", "bash -c \"diff <(%s) <(%s)\"", header, manual);
}
END_TEST

START_TEST(test_example)
{
	ck_command(0, "",
		   "%s make -C examples/emulator OUT=%s CFLAGS='-std=c99 -pedantic -Wall "
		   "-Wextra -Werror'",
		   user, dir);
	ck_command(0, expected, "%s %s/emulator", user, dir);
	ck_command(0, "libvmaindex.so.0", "%s ldd %s/emulator", user, dir);
}
END_TEST

START_TEST(test_example_cxx)
{
	ck_command(0, "",
		   "%s make -C examples/emulator OUT=%s CC=g++ CFLAGS='-x c++ -std=c++11 "
		   "-pedantic -Wall -Wextra -Werror' -B",
		   user, dir);
	ck_command(0, expected, "%s %s/emulator", user, dir);
}
END_TEST

START_TEST(test_static)
{
	ck_command(0, "",
		   "gcc -I%s/usr/include -o %s/static examples/emulator/emulator.c "
		   "%s/usr/lib/libvmaindex.a",
		   dir, dir, dir);
	ck_command(0, expected, "%s/static", dir);
	ck_command(0, "", "! ldd %s/static | grep -E 'jemalloc|vmaindex|stdc'", dir);
	ck_command(0, "",
		   "gcc -static -I%s/usr/include -o %s/static examples/emulator/emulator.c "
		   "%s/usr/lib/libvmaindex.a",
		   dir, dir, dir);
	ck_command(0, expected, "%s/static", dir);
}
END_TEST

START_TEST(test_symbols)
{
	static const char *const files[] = { "-D %s/usr/lib/libvmaindex.so",
					     "-g %s/usr/lib/libvmaindex.a" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char nm[256];

		snprintf(nm, sizeof(nm), files[i], dir);
		ck_command(0, " T vmaindex_find\n", "nm --defined-only %s", nm);
		ck_command(0, "",
			   "! nm --defined-only %s | grep -E ' [A-Za-z] ' | "
			   "grep -v ' T vmaindex_'",
			   nm);
	}
	ck_command(0, "libc.so", "readelf -d %s/usr/lib/libvmaindex.so | grep NEEDED", dir);
	ck_command(1, "", "readelf -d %s/usr/lib/libvmaindex.so | grep NEEDED | grep -v libc.so",
		   dir);
}
END_TEST

/* Whoever has installed it as root: another user, elsewhere, has scripts, traces and headers. */
START_TEST(test_by_an_ordinary_user)
{
	const char *as = geteuid() ? "" : "setpriv --reuid=65534 --regid=65534 --clear-groups";

	ck_command(0, "", "chmod 755 %s && mkdir -m 777 %s/home", dir, dir);
	ck_command(0, "treap",
		   "cd %s/home && cp -r ../usr/share/vmabench/examples/plugin . && "
		   "chmod -R a+rwX plugin && cd plugin && %s %s make && "
		   "%s %s/usr/bin/vmabench list --plugin ./treap.so",
		   dir, as, user, as, dir);
	ck_command(0, "written: mine.json",
		   "cd %s/home && %s ../usr/bin/vmabench bench "
		   "--case 'replay-ls,find-dependent' --vmas 100,1000 --index btree,rbtree,treap "
		   "--plugin plugin/treap.so --repetitions 1 --min-time 0.001 --json mine.json",
		   dir, as);
	ck_command(0, "drawn: ", "cd %s/home && %s ../usr/bin/vmabench plot -o plots mine.json",
		   dir, as);
	ck_command(0, "",
		   "cd %s/home && %s ../usr/bin/vmabench report -o mine.md mine.json && "
		   "grep -q '| ls |' mine.md",
		   dir, as);
	ck_command(0, "  ls.vmt", "cd / && %s %s/usr/bin/vmabench list | grep '  ls.vmt'", as, dir);
}
END_TEST

START_TEST(test_uninstall)
{
	ck_command(0, "",
		   "env -u MAKEFLAGS -u MAKELEVEL make uninstall DESTDIR=%s PREFIX=/usr && "
		   "test -z \"$(find %s/usr ! -type d)\"",
		   dir, dir);
}
END_TEST

TEST_SUITE(install)
{
	Suite *suite = suite_create("install");
	TCase *tcase = tcase_create("install");

	tcase_set_timeout(tcase, 1200);
	tcase_add_unchecked_fixture(tcase, install, command_folder_remove);
	tcase_add_test(tcase, test_files);
	tcase_add_test(tcase, test_header);
	tcase_add_test(tcase, test_needs_no_other_headers);
	tcase_add_test(tcase, test_refused_on_32_bits);
	tcase_add_test(tcase, test_manual);
	tcase_add_test(tcase, test_example);
	tcase_add_test(tcase, test_example_cxx);
	tcase_add_test(tcase, test_static);
	tcase_add_test(tcase, test_symbols);
	tcase_add_test(tcase, test_by_an_ordinary_user);
	tcase_add_test(tcase, test_uninstall);
	suite_add_tcase(suite, tcase);
	return suite;
}
