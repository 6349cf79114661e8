/*
 * command - tests that run programs
 */
#ifndef TESTS_COMMAND_H
#define TESTS_COMMAND_H

struct command {
	int status;           /* exit status; 128 and more: ended by a signal */
	char output[1 << 16]; /* the first of what it wrote to stdout and stderr */
};

/* Runs a line of the shell, printf style, in the repository's folder. */
const struct command *command(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same; the test fails if the exit status is another or the output lacks text. */
#define ck_command(expected, text, ...)                                                            \
	do {                                                                                       \
		const struct command *done_ = command(__VA_ARGS__);                                \
		ck_assert_msg(done_->status == (expected), "status %d, output: %s", done_->status, \
			      done_->output);                                                      \
		ck_assert_msg(strstr(done_->output, text) != NULL, "no '%s' in: %s", text,         \
			      done_->output);                                                      \
	} while (0)

/* The vmabench that belongs to this test program. */
const char *command_vmabench(void);

/* A new folder below /tmp, and its end with all that is in it. */
const char *command_folder(void);
void command_folder_remove(void);

#endif
