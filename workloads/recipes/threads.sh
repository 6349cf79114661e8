# A C program with 6,000 threads at once: each a stack and a guard page, and some heap.
packages='gcc libc6-dev'
prepare() {
	cat >"$work/threads.c" <<'EOF'
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
static pthread_barrier_t all;
static void *run(void *arg)
{
	char *p = malloc((size_t)arg % 5000 + 1);
	memset(p, 1, (size_t)arg % 5000 + 1);
	pthread_barrier_wait(&all);
	free(p);
	return NULL;
}
int main(void)
{
	enum { N = 6000 };
	static pthread_t thread[N];
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_barrier_init(&all, NULL, N + 1);
	for (size_t i = 0; i < N; i++)
		if (pthread_create(&thread[i], &attr, run, (void *)i))
			return 1;
	pthread_barrier_wait(&all);
	for (size_t i = 0; i < N; i++)
		pthread_join(thread[i], NULL);
	return 0;
}
EOF
	gcc -O1 -pthread -o "$work/threads" "$work/threads.c"
}
subject=("$work/threads")
