/*
 * record_signals - signals to the recorder itself
 *
 *  1. They are blocked before the recorder has a thread or a child, so in all of these, and
 *     come in through one signalfd.  So no signal ends the recorder in the middle, none
 *     interrupts a call, and no SIGCHLD goes to a thread that does not wait for it.
 *  2. Not blocked are the faults of the recorder itself, and the signals that stop and
 *     continue it: those of a terminal reach the program as well.
 *  3. SIGCHLD has its default action, for whoever ignores it has no stops of tracees.
 *  4. The program begins with the mask and the action that the recorder was given.
 *  5. No wait lasts longer than its caller says, whatever signals come or are lost.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

int signals_take(struct signals *signals)
{
	static const int own[] = { SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGTRAP, SIGABRT,
				   SIGSYS,  SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT };
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t taken;

	sigfillset(&taken);
	for (unsigned i = 0; i < ARRAY_SIZE(own); i++)
		sigdelset(&taken, own[i]);
	sigprocmask(SIG_BLOCK, &taken, &signals->mask);
	sigaction(SIGCHLD, &action, &signals->child_action);
	signals->fd = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals->fd < 0 ? -errno : 0;
}

static void signals_read(struct signals *signals)
{
	struct signalfd_siginfo info;

	while (read(signals->fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGINT:
		case SIGTERM:
		case SIGHUP:
			signals->asked |= 1u << info.ssi_signo;
		}
	}
}

short signals_wait(struct signals *signals, int fd, int ms)
{
	struct pollfd fds[] = { { .fd = fd, .events = POLLIN },
				{ .fd = signals->fd, .events = POLLIN } };

	if (poll(fds, ARRAY_SIZE(fds), ms) <= 0)
		return 0;
	if (fds[1].revents)
		signals_read(signals);
	return fds[0].revents;
}

void signals_restore(const struct signals *signals)
{
	sigaction(SIGCHLD, &signals->child_action, NULL);
	sigprocmask(SIG_SETMASK, &signals->mask, NULL);
}

void signals_let_go(struct signals *signals)
{
	if (signals->fd >= 0) {
		signals_read(signals);
		close(signals->fd);
	}
	signals_restore(signals);
}
