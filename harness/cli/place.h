/*
 * place - where the files are that come with the program
 */
#ifndef HARNESS_PLACE_H
#define HARNESS_PLACE_H

/*
 * The path of plots, workloads/traces ...: below share/vmabench of where the program is
 * installed, beside the program where it was built, or name itself, in the current folder.
 * It stays.
 */
const char *place_of(const char *name);

#endif
