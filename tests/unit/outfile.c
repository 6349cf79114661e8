/*
 * Tests of the one writer: what each kind of target becomes, what is refused, what is left behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/outfile.h"
#include "tests/command.h"
#include "tests/suite.h"

#define NOBODY 65534

static const char *folder;

static void make_folder(void)
{
	folder = command_folder();
	chmod(folder, 0777);
}

static const char *in_folder(const char *name)
{
	static char text[4][256];
	static unsigned turn;

	turn = (turn + 1) % 4;
	snprintf(text[turn], sizeof(text[turn]), "%s/%s", folder, name);
	return text[turn];
}

static void make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	fchmod(fd, mode);
	close(fd);
}

static const char *contents(const char *path)
{
	static char text[4096];
	int fd = open(path, O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (fd >= 0)
		close(fd);
	text[max(n, (ssize_t)0)] = 0;
	return n < 0 ? "(cannot be read)" : text;
}

static unsigned entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir)))
		n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return n;
}

static int save(const char *path, const char *text, char why[256])
{
	return outfile_save(path, text, strlen(text), why, 256);
}

/* The target is refused with that word, and nothing is created. */
static void ck_refused(const char *path, const char *word)
{
	char why[256] = "";
	unsigned before = entries(folder);

	ck_assert_int_eq(save(path, "new", why), -1);
	ck_assert_msg(strstr(why, word), "'%s' says: %s", path, why);
	ck_assert_uint_eq(entries(folder), before);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(lstat(path, &st), 0);
	return st.st_mode;
}

START_TEST(test_permissions)
{
	const char *old = in_folder("old"), *new = in_folder("new");
	char why[256];

	umask(027);
	ck_assert_msg(!save(new, "text", why), "%s", why);
	ck_assert_uint_eq(mode_of(new) & 07777, 0640);
	make(old, "old", 0604);
	ck_assert_msg(!save(old, "new", why), "%s", why);
	ck_assert_uint_eq(mode_of(old) & 07777, 0604);
	ck_assert_str_eq(contents(old), "new");
	ck_assert_uint_eq(entries(folder), 2);
}
END_TEST

START_TEST(test_link_is_followed)
{
	const char *file = in_folder("file"), *link = in_folder("link");
	struct stat st;
	char why[256];

	make(file, "old", 0644);
	ck_assert_int_eq(symlink("file", link), 0);
	ck_assert_msg(!save(link, "new", why), "%s", why);
	ck_assert(S_ISLNK(mode_of(link)));
	ck_assert_str_eq(contents(file), "new");
	unlink(file);
	ck_refused(link, "symbolic link to nothing");
	ck_assert_int_eq(lstat(link, &st), 0);
}
END_TEST

START_TEST(test_device)
{
	char why[256];

	ck_assert_msg(!save("/dev/null", "new", why), "%s", why);
	ck_assert(S_ISCHR(mode_of("/dev/null")));
	ck_assert_int_eq(symlink("/dev/null", in_folder("null")), 0);
	ck_assert_msg(!save(in_folder("null"), "new", why), "%s", why);
	ck_assert(S_ISLNK(mode_of(in_folder("null"))));
	ck_refused("/dev/full", "No space left on device");
}
END_TEST

START_TEST(test_fifo)
{
	const char *fifo = in_folder("fifo");
	char text[8] = "", why[256];
	int fd;

	ck_assert_int_eq(mkfifo(fifo, 0600), 0);
	ck_refused(fifo, "a FIFO that nobody reads");
	fd = open(fifo, O_RDONLY | O_NONBLOCK);
	ck_assert_msg(!save(fifo, "text", why), "%s", why);
	ck_assert_int_eq(read(fd, text, sizeof(text)), 4);
	ck_assert_str_eq(text, "text");
	ck_assert(S_ISFIFO(mode_of(fifo)));
	close(fd);
}
END_TEST

START_TEST(test_refused)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", folder);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_refused(address.sun_path, "is a socket");
	close(fd);
	ck_refused(folder, "is a folder");
	ck_refused(in_folder("missing/file"), "No such file or directory");
	ck_refused("", "not a file's name");
	make(in_folder("file"), "old", 0644);
	ck_refused(in_folder("file/below"), "Not a directory");
}
END_TEST

/* A process of its own, which another user's rights or a mount do not leave. */
static void in_child(void (*test)(void))
{
	pid_t child = fork();
	int status;

	if (!child) {
		test();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
}

static void as_user(void)
{
	char why[256];

	if (!geteuid())
		ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
	ck_refused(in_folder("shut/new"), "Permission denied");
	ck_refused(in_folder("shut/file"), "Permission denied");
	ck_refused(in_folder("readonly"), "Permission denied");
	ck_assert_msg(!save(in_folder("mine"), "new", why), "%s", why);
}

START_TEST(test_rights)
{
	mkdir(in_folder("shut"), 0755);
	make(in_folder("shut/file"), "old", 0666);
	make(in_folder("readonly"), "old", 0444);
	chmod(in_folder("shut"), 0555);
	in_child(as_user);
	ck_assert_str_eq(contents(in_folder("shut/file")), "old");
	ck_assert_str_eq(contents(in_folder("readonly")), "old");
	chmod(in_folder("shut"), 0755);
}
END_TEST

static char large[1 << 20];

/* A file system of 256 kB, of which the test fills all but what is said. */
static void fill(const char *disk, size_t leave)
{
	int fd = open(disk, O_WRONLY | O_CREAT, 0600);

	while (write(fd, large, 4096) > 0)
		;
	ck_assert_int_eq(ftruncate(fd, max(lseek(fd, 0, SEEK_CUR) - (off_t)leave, (off_t)0)), 0);
	close(fd);
}

static void on_full_disk(void)
{
	const char *file = in_folder("disk/file");
	struct outfile out;
	char why[256];

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", in_folder("disk"), "tmpfs", 0, "size=256k")) {
		printf("not tested: a full disk: %s\n", strerror(errno));
		fflush(stdout);
		return;
	}
	make(file, "old", 0644);
	fill(in_folder("disk/fill"), 128 << 10);
	ck_assert_msg(!outfile_open(&out, file, 0666), "%s", out.why);
	ck_assert_int_eq(outfile_put(&out, large, sizeof(large)), -1);
	ck_assert_msg(strstr(out.why, "No space left on device"), "%s", out.why);
	outfile_close(&out);
	ck_assert_str_eq(contents(file), "old");
	fill(in_folder("disk/fill"), 0);
	ck_assert_int_eq(save(file, "new", why), -1);
	ck_assert_msg(strstr(why, "No space left on device"), "%s", why);
	ck_assert_uint_eq(entries(in_folder("disk")), 2);
}

START_TEST(test_full_disk)
{
	mkdir(in_folder("disk"), 0755);
	in_child(on_full_disk);
}
END_TEST

static void beyond_limit(void)
{
	const struct rlimit limit = { 4096, 4096 };

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	ck_refused(in_folder("file"), "File too large");
}

START_TEST(test_limit)
{
	in_child(beyond_limit);
}
END_TEST

/*
 * stdout is a file, and the same file is the target: the text is added, the file is not replaced.
 */
static void to_stdout(void)
{
	int fd = open(in_folder("out"), O_WRONLY | O_CREAT, 0600);
	char why[256];

	dup2(fd, STDOUT_FILENO);
	fputs("first ", stdout);
	ck_assert_msg(!save("/dev/stdout", "second ", why), "%s", why);
	ck_assert_msg(!save(in_folder("out"), "third", why), "%s", why);
}

START_TEST(test_stdout)
{
	in_child(to_stdout);
	ck_assert_str_eq(contents(in_folder("out")), "first second third");
}
END_TEST

static void without_descriptors(void)
{
	struct outfile out;

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	if (outfile_open(&out, in_folder("file"), 0666) || outfile_begin(&out) ||
	    out.fd <= STDERR_FILENO || outfile_spool(&out) <= STDERR_FILENO)
		_exit(1);
	outfile_close(&out);
}

START_TEST(test_descriptors)
{
	in_child(without_descriptors);
}
END_TEST

/* What a killed writer leaves is removed by the next; what a living one has is not. */
START_TEST(test_stale)
{
	struct outfile out, other;
	char why[256];
	pid_t child = fork();
	int lock;

	if (!child) {
		ck_assert_int_eq(outfile_open(&out, in_folder("a"), 0666), 0);
		ck_assert_int_eq(outfile_begin(&out), 0);
		ck_assert_ptr_nonnull(outfile_make_folder(folder, &lock, why, sizeof(why)));
		raise(SIGKILL);
	}
	waitpid(child, NULL, 0);
	ck_assert_uint_eq(entries(folder), 2);
	make(in_folder(".vmabench-not"), "somebody's", 0600);
	ck_assert_int_eq(outfile_open(&other, in_folder("b"), 0666), 0);
	ck_assert_int_eq(outfile_begin(&other), 0);
	ck_assert_uint_eq(entries(folder), 2);
	ck_assert_msg(!save(in_folder("a"), "new", why), "%s", why);
	ck_assert_int_eq(outfile_write(&other, "text", 4), 0);
	ck_assert_int_eq(outfile_commit(&other), 0);
	outfile_close(&other);
	ck_assert_str_eq(contents(in_folder("b")), "text");
	ck_assert_uint_eq(entries(folder), 3);
}
END_TEST

#define WRITERS 6

/* A line of one letter, of the writer's. */
static void write_often(char letter)
{
	char why[256] = "";

	memset(large, letter, sizeof(large));
	for (unsigned i = 0; i < 20; i++) {
		if (outfile_save(in_folder("file"), large, sizeof(large), why, sizeof(why))) {
			fprintf(stderr, "%s\n", why);
			_exit(1);
		}
	}
	_exit(0);
}

/* At any moment the file is there, whole, and one writer's. */
static void look(void)
{
	static char text[sizeof(large) + 1];
	int fd = open(in_folder("file"), O_RDONLY);
	size_t n = 0;
	ssize_t got;

	ck_assert_int_ge(fd, 0);
	while ((got = read(fd, text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	close(fd);
	ck_assert_uint_eq(n, sizeof(large));
	ck_assert(!memcmp(text, text + 1, n - 1));
}

START_TEST(test_six_writers)
{
	unsigned running = WRITERS;
	char why[256];
	int status;

	ck_assert_msg(!outfile_save(in_folder("file"), large, sizeof(large), why, sizeof(why)),
		      "%s", why);
	for (unsigned i = 0; i < WRITERS; i++) {
		if (!fork())
			write_often((char)('a' + i));
	}
	while (running) {
		look();
		if (waitpid(-1, &status, WNOHANG) > 0) {
			ck_assert_int_eq(status, 0);
			running--;
		}
	}
	ck_assert_uint_eq(entries(folder), 1);
}
END_TEST

TEST_SUITE(outfile)
{
	Suite *suite = suite_create("outfile");
	TCase *files = tcase_create("files");

	tcase_add_checked_fixture(files, make_folder, command_folder_remove);
	tcase_add_test(files, test_permissions);
	tcase_add_test(files, test_link_is_followed);
	tcase_add_test(files, test_device);
	tcase_add_test(files, test_fifo);
	tcase_add_test(files, test_refused);
	tcase_add_test(files, test_rights);
	tcase_add_test(files, test_full_disk);
	tcase_add_test(files, test_limit);
	tcase_add_test(files, test_stdout);
	tcase_add_test(files, test_descriptors);
	tcase_add_test(files, test_stale);
	tcase_add_test(files, test_six_writers);
	suite_add_tcase(suite, files);
	return suite;
}
