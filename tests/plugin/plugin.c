/*
 * Plug-ins: the example is built by its own Makefile, from vma_index.h and the
 * headers that it includes alone, and passes what the program's own indexes
 * have to pass; what cannot be loaded is refused by name, with status 2.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/command.h"
#include "tests/suite.h"

static const char *dir;

static void build_example(void)
{
	dir = command_folder();
	ck_command(0, "",
		   "mkdir %s/indexes %s/base && cp indexes/vma_index.h %s/indexes &&"
		   " cp base/arena.h base/util.h %s/base",
		   dir, dir, dir, dir);
	ck_command(0, "",
		   "make -C examples/plugin VMABENCH=%s OUT=%s CFLAGS='-O2 -Wall -Wextra "
		   "-Werror'",
		   dir, dir);
}

START_TEST(test_listed)
{
	ck_command(0, "treap  ", "%s list --plugin %s/treap.so", command_vmabench(), dir);
	ck_command(0, "treap\n", "%s list --names indexes --plugin %s/treap.so", command_vmabench(),
		   dir);
}
END_TEST

START_TEST(test_contract)
{
	ck_command(0, "100%: Checks: ",
		   "TEST_PLUGIN=%s/treap.so TEST_INDEX=treap "
		   "$(readlink /proc/%d/exe) contract corrupt model",
		   dir, getpid());
}
END_TEST

START_TEST(test_check)
{
	ck_command(0, "differences=0",
		   "%s check --ops 30000 --seed %lu --verify 1000 "
		   "--index array,treap,check:treap --plugin %s/treap.so",
		   command_vmabench(), test_seed(), dir);
}
END_TEST

START_TEST(test_replay)
{
	ck_command(0, "replay index=btree,treap ",
		   "%s replay --plugin %s/treap.so --index "
		   "btree,treap --strict $(ls -S workloads/traces/*.vmt | tail -1)",
		   command_vmabench(), dir);
}
END_TEST

START_TEST(test_bench)
{
	ck_command(0, "treap",
		   "%s bench --plugin %s/treap.so --index btree,treap --case 'find-*' "
		   "--vmas 100 --repetitions 1 --min-time 0.001",
		   command_vmabench(), dir);
}
END_TEST

/* A plug-in of the C text, which may use the whole of vma_index.h. */
static void compile(const char *name, const char *text)
{
	ck_command(0, "",
		   "printf '%%s\\n' '#include \"indexes/vma_index.h\"' '%s' > %s/%s.c && "
		   "cc -D_GNU_SOURCE -I. -fPIC -shared -o %s/%s.so %s/%s.c",
		   text, dir, name, dir, name, dir, name);
}

static void refused(const char *file, const char *why)
{
	static const char *const verbs[] = { "list", "check --ops 1", "bench --quick",
					     "replay workloads/traces/true.vmt" };
	char text[256];

	snprintf(text, sizeof(text), "--plugin %s/%s: %s", dir, file, why);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		ck_command(2, text, "%s %s --plugin %s/%s", command_vmabench(), verbs[i], dir,
			   file);
}

START_TEST(test_no_plugin)
{
	refused("absent.so", "cannot open shared object file: No such file");
	refused("indexes/vma_index.h", "invalid ELF header");
	compile("nothing", "int nothing;");
	refused("nothing.so", "it registers no index");
	compile("unresolved", "extern int absent(void); int call(void) { return absent(); }");
	refused("unresolved.so", "undefined symbol: absent");
}
END_TEST

START_TEST(test_bad_plugin)
{
	compile("version", "static struct vma_index_ops ops = { .name = \"newer\", "
			   ".abi = VMA_INDEX_ABI + 1 }; VMA_INDEX_REGISTER(ops);");
	refused("version.so", "cannot register index 'newer': built for another version");
	compile("half", "static struct vma_index_ops ops = { .name = \"half\", "
			".abi = VMA_INDEX_ABI, .summary = \"half\" }; VMA_INDEX_REGISTER(ops);");
	refused("half.so", "cannot register index 'half': op 'size' is missing");
	compile("nameless", "static struct vma_index_ops ops; VMA_INDEX_REGISTER(ops);");
	refused("nameless.so", "cannot register index '?': it has no name");
	ck_command(0, "",
		   "sed 's/\"treap\"/\"list\"/' examples/plugin/treap.c > %s/list.c && "
		   "cc -I. -fPIC -shared -o %s/list.so %s/list.c",
		   dir, dir, dir);
	refused("list.so", "cannot register index 'list': the name is taken");
	ck_command(2, "treap.so: it is loaded already",
		   "%s list --plugin %s/treap.so --plugin "
		   "%s/treap.so",
		   command_vmabench(), dir, dir);
}
END_TEST

/* A file named without a slash is one of this folder, not a library of the system. */
START_TEST(test_no_slash)
{
	ck_command(0, "treap  ",
		   "program=$(realpath %s) && cd %s && $program list --plugin treap.so",
		   command_vmabench(), dir);
	ck_command(2, "--plugin libm.so.6: cannot open", "%s list --plugin libm.so.6",
		   command_vmabench());
}
END_TEST

TEST_SUITE(plugin)
{
	Suite *suite = suite_create("plugin");
	TCase *tcase = tcase_create("plugin");

	tcase_add_unchecked_fixture(tcase, build_example, command_folder_remove);
	tcase_add_test(tcase, test_listed);
	tcase_add_test(tcase, test_contract);
	tcase_add_test(tcase, test_check);
	tcase_add_test(tcase, test_replay);
	tcase_add_test(tcase, test_bench);
	tcase_add_test(tcase, test_no_plugin);
	tcase_add_test(tcase, test_bad_plugin);
	tcase_add_test(tcase, test_no_slash);
	suite_add_tcase(suite, tcase);
	return suite;
}
