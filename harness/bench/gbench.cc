/*
 * gbench - Google Benchmark for C (see gbench.h)
 *
 * All repetitions of a case have the number of operations that was asked for,
 * so Google Benchmark does not need to guess one by trial runs.
 */
#include "harness/bench/gbench.h"

#include <benchmark/benchmark.h>

#include <cstring>
#include <sstream>
#include <string>

namespace
{

unsigned ncases;

void measure(benchmark::State &state, const gbench_case &bench)
{
	const char *error = nullptr;

	if (bench.begin)
		bench.begin(bench.ctx);
	for (bool first = true; state.KeepRunningBatch(bench.batch); first = false) {
		if (bench.restore && !first) {
			state.PauseTiming();
			bench.restore(bench.ctx);
			state.ResumeTiming();
		}
		error = bench.run(bench.ctx, bench.batch);
		if (error) {
			state.SkipWithError(error);
			break;
		}
	}
	if (!error && bench.restore)
		bench.restore(bench.ctx);
	if (bench.end)
		bench.end(bench.ctx);
	state.SetItemsProcessed(state.iterations());
}

} // namespace

void gbench_add(const gbench_case *bench)
{
	gbench_case copy = *bench;
	std::string name = std::to_string(ncases++);

	benchmark::RegisterBenchmark(name.c_str(),
				     [copy](benchmark::State &state) { measure(state, copy); })
		->Iterations(copy.operations)
		->Repetitions(copy.repetitions);
}

char *gbench_run(void)
{
	std::string interleave = "--benchmark_enable_random_interleaving=true";
	std::string program = "./vmabench";
	char *argv[] = { &program[0], &interleave[0], nullptr };
	int argc = 2;
	std::ostringstream out;
	benchmark::JSONReporter reporter;

	reporter.SetOutputStream(&out);
	benchmark::Initialize(&argc, argv);
	benchmark::RunSpecifiedBenchmarks(&reporter, ".");
	benchmark::ClearRegisteredBenchmarks();
	ncases = 0;
	return strdup(out.str().c_str());
}
