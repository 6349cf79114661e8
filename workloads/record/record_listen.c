/*
 * record_listen - receives the calls that wait for the recorder
 *
 *	program: call waits --> thread here: received --> queue --> recorder: looks, answers --> runs
 *
 *  1. The thread sleeps in the receiving itself: a poll() of the listener looks at all calls that
 *     wait, of which there are as many as threads.
 *  2. It runs before the program: a call that was received is not interrupted by signals any more.
 *  3. At most LISTEN_MAX calls are received and not answered, for the kernel walks over these.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "workloads/record/record_internal.h"

#define LISTEN_MAX     128
#define LISTEN_SIGNAL  SIGUSR1 /* interrupts the receiving at the end */
#define LISTEN_JOIN_NS 1000000 /* so often */

/* The kernel's may be larger than this header's. */
union listen_notif {
	struct seccomp_notif told;
	char room[256];
};

struct listen {
	int listener, event; /* event: readable where there are calls in the queue */
	bool ended;          /* no more will come */
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t room;
	bool stop;
	unsigned first, n, unanswered;
	struct seccomp_notif queue[LISTEN_MAX];
};

static void listen_put(struct listen *listen, const struct seccomp_notif *told)
{
	pthread_mutex_lock(&listen->lock);
	listen->queue[(listen->first + listen->n++) % LISTEN_MAX] = *told;
	listen->unanswered++;
	pthread_mutex_unlock(&listen->lock);
	if (eventfd_write(listen->event, 1))
		perror("vmabench record: eventfd");
}

/* False: it is over. */
static bool listen_wait_for_room(struct listen *listen)
{
	bool stop;

	pthread_mutex_lock(&listen->lock);
	while (listen->unanswered == LISTEN_MAX && !listen->stop)
		pthread_cond_wait(&listen->room, &listen->lock);
	stop = listen->stop;
	pthread_mutex_unlock(&listen->lock);
	return !stop;
}

static bool listen_hangs_up(const struct listen *listen)
{
	struct pollfd fd = { .fd = listen->listener };

	return poll(&fd, 1, 0) > 0;
}

static void *listen_thread(void *arg)
{
	struct listen *listen = arg;

	record_raise_priority();
	while (listen_wait_for_room(listen)) {
		union listen_notif in = { 0 };

		if (!ioctl(listen->listener, SECCOMP_IOCTL_NOTIF_RECV, &in))
			listen_put(listen, &in.told);
		else if (errno != EINTR && (errno != ENOENT || listen_hangs_up(listen)))
			break; /* since Linux 6.11 it is told that nobody is left to call */
	}
	__atomic_store_n(&listen->ended, true, __ATOMIC_RELEASE);
	(void)!eventfd_write(listen->event, 1);
	return NULL;
}

static void listen_on_signal(int signal)
{
	(void)signal;
}

/* Starts the thread, to which only its own signal comes: 0 or -1. */
static int listen_start(struct listen *listen)
{
	struct sigaction action = { .sa_handler = listen_on_signal };
	sigset_t mask, before;
	int error;

	sigaction(LISTEN_SIGNAL, &action, NULL);
	sigfillset(&mask);
	sigdelset(&mask, LISTEN_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &mask, &before);
	error = pthread_create(&listen->thread, NULL, listen_thread, listen);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error ? -1 : 0;
}

struct listen *listen_create(int listener)
{
	struct listen *listen = calloc(1, sizeof(*listen));

	if (!listen)
		return NULL;
	listen->listener = listener;
	listen->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&listen->lock, NULL);
	pthread_cond_init(&listen->room, NULL);
	if (listen->event >= 0 && !listen_start(listen))
		return listen;
	if (listen->event >= 0)
		close(listen->event);
	free(listen);
	return NULL;
}

int listen_fd(const struct listen *listen)
{
	return listen->event;
}

bool listen_take(struct listen *listen, struct seccomp_notif *told)
{
	eventfd_t count;
	bool any;

	pthread_mutex_lock(&listen->lock);
	any = listen->n;
	if (any) {
		*told = listen->queue[listen->first];
		listen->first = (listen->first + 1) % LISTEN_MAX;
		listen->n--;
	} else {
		(void)!eventfd_read(listen->event, &count);
	}
	pthread_mutex_unlock(&listen->lock);
	return any;
}

void listen_done(struct listen *listen)
{
	pthread_mutex_lock(&listen->lock);
	listen->unanswered--;
	pthread_cond_signal(&listen->room);
	pthread_mutex_unlock(&listen->lock);
}

bool listen_ended(const struct listen *listen, bool idle)
{
	return __atomic_load_n(&listen->ended, __ATOMIC_ACQUIRE) ||
	       (idle && listen_hangs_up(listen));
}

void listen_free(struct listen *listen)
{
	struct timespec until;

	if (!listen)
		return;
	pthread_mutex_lock(&listen->lock);
	listen->stop = true;
	pthread_cond_signal(&listen->room);
	pthread_mutex_unlock(&listen->lock);
	do {
		pthread_kill(listen->thread, LISTEN_SIGNAL);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += LISTEN_JOIN_NS;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_timedjoin_np(listen->thread, NULL, &until));
	pthread_cond_destroy(&listen->room);
	pthread_mutex_destroy(&listen->lock);
	close(listen->event);
	free(listen);
}
