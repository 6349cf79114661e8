/*
 * subject - the process in which 'vmabench check --kernel' does things for real
 *
 * Started with the board on SUBJECT_FD (see subject.h).  It has a stack, its
 * code and the board, nothing else: no C library, no heap, no data.
 */
#include "harness/check/kernel_subject/subject.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tand $-16, %rsp\n\tcall subject_main\n\thlt\n");

static long call(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	long result;
	register uint64_t r10 __asm__("r10") = d;
	register uint64_t r8 __asm__("r8") = e;
	register uint64_t r9 __asm__("r9") = f;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}
#elif defined(__aarch64__)
__asm__(".globl _start\n_start:\n\tmov x29, xzr\n\tmov x30, xzr\n\tbl subject_main\n");

static long call(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	register long x8 __asm__("x8") = nr;
	register uint64_t x0 __asm__("x0") = a;
	register uint64_t x1 __asm__("x1") = b;
	register uint64_t x2 __asm__("x2") = c;
	register uint64_t x3 __asm__("x3") = d;
	register uint64_t x4 __asm__("x4") = e;
	register uint64_t x5 __asm__("x5") = f;

	__asm__ volatile("svc 0"
			 : "+r"(x0)
			 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
			 : "memory");
	return (long)x0;
}
#else
#error "the subject does not know this machine's system calls"
#endif

void subject_main(void);

static void leave(void)
{
	for (;;)
		call(SYS_exit_group, 1, 0, 0, 0, 0, 0);
}

static void open_maps(void)
{
	long fd = call(SYS_openat, (uint64_t)AT_FDCWD, (uint64_t) "/proc/self/maps",
		       O_RDONLY | O_CLOEXEC, 0, 0, 0);

	if (fd < 0 || call(SYS_dup3, (uint64_t)fd, SUBJECT_MAPS_FD, O_CLOEXEC, 0, 0, 0) < 0)
		leave();
	call(SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
}

/* Waits for this task's turn; ends if the checker has gone. */
static void wait_for_turn(struct subject_board *board, uint32_t self)
{
	struct timespec second = { .tv_sec = 1 };
	uint32_t turn;

	while ((turn = __atomic_load_n(&board->turn, __ATOMIC_ACQUIRE)) != self) {
		call(SYS_futex, (uint64_t)&board->turn, FUTEX_WAIT, turn, (uint64_t)&second, 0, 0);
		if (call(SYS_kill, (uint64_t)board->checker, 0, 0, 0, 0, 0))
			leave();
	}
}

static void pass_turn(struct subject_board *board)
{
	__atomic_store_n(&board->turn, 0, __ATOMIC_RELEASE);
	call(SYS_futex, (uint64_t)&board->turn, FUTEX_WAKE, 1000, 0, 0, 0);
}

/* The VMA that holds address or follows it; returns where it ends, 0 if there is none. */
static uint64_t look(uint64_t address, struct subject_vma *vma)
{
	struct subject_query query;

	query.size = sizeof(query);
	query.query_flags = SUBJECT_COVERING_OR_NEXT;
	query.query_addr = address;
	query.vma_name_size = query.build_id_size = 0;
	query.vma_name_addr = query.build_id_addr = 0;
	query.vma_start = query.vma_end = query.vma_flags = query.vma_offset = query.inode = 0;
	call(SYS_ioctl, SUBJECT_MAPS_FD, SUBJECT_PROCMAP_QUERY, (uint64_t)&query, 0, 0, 0);
	vma->start = query.vma_start;
	vma->end = query.vma_end;
	vma->flags = query.vma_flags;
	vma->offset = query.vma_offset;
	vma->inode = query.inode;
	return query.vma_end;
}

static void look_around(struct subject_order *order)
{
	uint64_t at = order->look[0];

	for (unsigned i = 0; i < SUBJECT_VMAS; i++) {
		if (i == 3)
			at = order->look[1];
		at = look(at, &order->vma[i]);
	}
}

/* Does as it is told; true in a child that was born by it. */
static bool obey(struct subject_board *board, struct subject_order *order)
{
	const uint64_t *a = order->arg;
	long nr = order->nr, result; /* a child must not look again: the board goes on */

	if (nr == SYS_exit_group) {
		pass_turn(board);
		leave();
	}
	result = call(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (nr == SYS_clone && result == 0)
		return true;
	order->result = result;
	return false;
}

void subject_main(void)
{
	struct subject_board *board = (void *)SUBJECT_BOARD;
	uint32_t self = 1;

	if (call(SYS_mmap, SUBJECT_BOARD, sizeof(*board), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_FIXED, SUBJECT_FD, 0) != (long)SUBJECT_BOARD)
		leave();
	open_maps();
	pass_turn(board);
	for (;;) {
		bool born = false;

		wait_for_turn(board, self);
		for (uint32_t i = 0; i < board->orders && !born; i++) {
			struct subject_order *order = &board->order[i];
			uint32_t child = order->child; /* the board may change before it looks */

			born = obey(board, order);
			if (born) {
				self = child;
				open_maps();
			} else if (board->looks) {
				look_around(order);
			}
		}
		if (!born) /* the parent goes on with the orders */
			pass_turn(board);
	}
}
