/*
 * progress - one line on a terminal (see progress.h)
 */
#include "harness/measure/progress.h"

#include <stdio.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/util.h"
#include "harness/measure/clock.h"

#define REDRAW_SECONDS 0.1

void progress_begin(struct progress *progress, bool wanted)
{
	*progress = (struct progress){
		.shown = wanted && isatty(STDERR_FILENO),
		.begin = wall_seconds(),
	};
}

void progress_plan(struct progress *progress, double weight)
{
	progress->planned += weight;
}

void progress_done(struct progress *progress, double weight, const char *format, va_list args)
{
	double now = wall_seconds(), left, part;
	char what[256];

	progress->done += weight;
	if (!progress->shown || now - progress->drawn < REDRAW_SECONDS)
		return;
	progress->drawn = now;
	part = min(progress->done / max(progress->planned, 1e-9), 1.0);
	left = part > 0 ? (now - progress->begin) * (1 - part) / part : 0;
	fprintf(stderr, "\r\033[K[%3.0f %%, %d:%02d left] ", part * 100, (int)left / 60,
		(int)left % 60);
	vsnprintf(what, sizeof(what), format, args);
	fputs(escape_text(what), stderr);
	fflush(stderr);
}

void progress_at(struct progress *progress, double part, const char *format, ...)
{
	va_list args;

	progress->planned = 1;
	progress->done = part;
	va_start(args, format);
	progress_done(progress, 0, format, args);
	va_end(args);
}

void progress_clear(struct progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
}
