/*
 * verb - the verbs of ./vmabench, one file each (cmd_VERB.c)
 *
 * A verb gets its own argv (argv[0] is "vmabench VERB"), parses it with argp
 * and returns the exit status: 0 all is well, 1 a check or a replay found a
 * difference, 2 bad input or usage, each with a message on stderr.
 */
#ifndef HARNESS_VERB_H
#define HARNESS_VERB_H

#include <argp.h>

#include "base/exit_status.h"

int cmd_list(int argc, char **argv);
int cmd_record(int argc, char **argv);
int cmd_anonymize(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_maps(int argc, char **argv);
int cmd_coredump(int argc, char **argv);
int cmd_replay(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_whatif(int argc, char **argv);
int cmd_bench(int argc, char **argv);
int cmd_threads(int argc, char **argv);
int cmd_worst(int argc, char **argv);
int cmd_compare(int argc, char **argv);
int cmd_plot(int argc, char **argv);
int cmd_report(int argc, char **argv);
int cmd_save(int argc, char **argv);

#endif
