/*
 * command - tests that run programs (see command.h)
 */
#include "tests/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static char folder[64];

static void impossible(const char *what)
{
	perror(what);
	exit(EXIT_FAILURE);
}

const struct command *command(const char *format, ...)
{
	static struct command result;
	char line[4096], rest[4096];
	va_list args;
	FILE *pipe;

	va_start(args, format);
	int len = vsnprintf(line, sizeof(line) - 8, format, args);
	va_end(args);
	if (len < 0 || (size_t)len >= sizeof(line) - 8)
		impossible("the command is too long");
	strcat(line, " 2>&1");
	fflush(stdout);
	pipe = popen(line, "r");
	if (!pipe)
		impossible(line);
	result.output[fread(result.output, 1, sizeof(result.output) - 1, pipe)] = '\0';
	while (fread(rest, 1, sizeof(rest), pipe))
		;
	int status = pclose(pipe);
	result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	return &result;
}

const char *command_vmabench(void)
{
	const char *path = getenv("VMABENCH");

	if (!path)
		impossible("VMABENCH is not set: run the tests by make");
	return path;
}

const char *command_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/vmabench-test-XXXXXX");
	if (!mkdtemp(folder))
		impossible(folder);
	return folder;
}

void command_folder_remove(void)
{
	command("rm -rf %s", folder);
}
