# vmabench - which index should hold an address space's VMAs?   `make help` tells what there is.

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:

# ---- what is built: every .c file of these folders ----
SRC     := $(wildcard base/*.c indexes/*.c indexes/*/*.c mm/*.c workloads/*/*.c harness/*/*.c)
SRC_CXX := $(wildcard harness/*/*.cc indexes/peers/*.cc)
SRC_T   := $(wildcard tests/*.c tests/*/*.c)

# ---- peers: other people's indexes, built where their Debian packages are (make peers) ----
# source file in indexes/peers, index, package, a file of that package, libraries
PEERS := absl_btree.cc:absl-btree:libabsl-dev:/usr/include/absl/container/btree_map.h
PEERS := $(PEERS):-labsl_throw_delegate:-labsl_raw_logging_internal
PEERS += critnib.c:critnib:libcritnib-dev:/usr/include/critnib.h:-lcritnib
PEERS += judy.c:judy:libjudy-dev:/usr/include/Judy.h:-lJudy
LINUX_TAR := /usr/src/linux-source-6.12.tar.xz
PEERS += linux/maple.c:linux-maple:linux-source-6.12:$(LINUX_TAR)
PEERS += linux/maple.c:linux-maple-rcu:linux-source-6.12:$(LINUX_TAR)
PEERS += linux/rbtree.c:linux-rbtree:linux-source-6.12:$(LINUX_TAR)
peer          = $(word $2,$(subst :, ,$1))
PEERS_MISSING := $(foreach p,$(PEERS),$(if $(wildcard $(call peer,$p,4)),,$p))
PEER_PACKAGES := $(sort $(foreach p,$(PEERS),$(call peer,$p,3)))
MISSING_SRC   := $(foreach p,$(PEERS_MISSING),indexes/peers/$(call peer,$p,1))
SRC     += $(if $(wildcard $(LINUX_TAR)),$(wildcard indexes/peers/linux/*.c))
SRC     := $(filter-out $(MISSING_SRC),$(SRC))
SRC_CXX := $(filter-out $(MISSING_SRC),$(SRC_CXX))

# The kernel's files are compiled where they are unpacked: GPL, so none of them is ours.
LINUX         := build/linux-6.12
LINUX_SRC     := lib/maple_tree.c lib/rbtree.c
LINUX_HEADERS := $(addprefix include/linux/,maple_tree.h rbtree.h rbtree_types.h rbtree_augmented.h)

# ---- what that needs: Debian packages ----
PACKAGES := make git gcc g++ libc6-dev libbenchmark-dev libjemalloc-dev libzstd-dev \
	    libjansson-dev zlib1g-dev liburcu-dev check libsubunit-dev gnuplot-nox scdoc pkgconf
PACKAGES_clang    := clang
PACKAGES_perf     := linux-perf
PACKAGES_counts   := valgrind
PACKAGES_spin     := spin
PACKAGES_lint     := clang-format shellcheck git

# ---- variants: release (timed), test, asan (with UBSan), tsan, clang (built only) ----
VARIANT ?= release
CC      := $(if $(filter clang,$(VARIANT)),clang,gcc)
CXX     := $(if $(filter clang,$(VARIANT)),clang++,g++)
FLAGS_release := -O2 -g
FLAGS_test    := -O2 -g
FLAGS_clang   := -O2 -g
FLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -DARENA_SYSTEM_MALLOC
FLAGS_tsan    := -O1 -g -fsanitize=thread -DARENA_SYSTEM_MALLOC
OPT     := $(FLAGS_$(VARIANT))
CHECK   ?= $(if $(filter release clang,$(VARIANT)),0,1)
WARN    := -Wall -Wextra -Werror
CPPFLAGS = -I. -D_GNU_SOURCE -DCHECK_LEVEL=$(CHECK)
CFLAGS   = -std=gnu11 $(OPT) $(WARN) -fno-strict-aliasing -MMD -MP
CXXFLAGS = -std=c++17 $(OPT) $(WARN) -MMD -MP
LIBS    := -lbenchmark -lzstd -ljansson -lz -lurcu-memb -lm -lpthread
LIBS    += $(if $(filter asan tsan,$(VARIANT)),,-ljemalloc)
LIBS    += $(foreach p,$(filter-out $(PEERS_MISSING),$(PEERS)),$(wordlist 5,9,$(subst :, ,$p)))
LDFLAGS := -Wl,--export-dynamic-symbol=vma_index_* -Wl,--export-dynamic-symbol=arena_*   # to plug-ins

B       := build/$(VARIANT)-check$(CHECK)
OBJ     := $(SRC:%.c=$B/%.o) $(SRC_CXX:%.cc=$B/%.o)
OBJ_LINUX := $(if $(wildcard $(LINUX_TAR)),$(LINUX_SRC:%.c=$B/linux-6.12/%.o))
OBJ     += $(OBJ_LINUX)
OBJ_T   := $(SRC_T:%.c=$B/%.o)
PROGRAM := $(if $(filter release,$(VARIANT)),vmabench,$B/vmabench)

SUBJECT := build/kernel-subject

.PHONY: all
all: $(PROGRAM) $(SUBJECT)  ## build ./vmabench

$(PROGRAM): $(OBJ)
	@echo link $@
	@$(CXX) $(OPT) $(LDFLAGS) -o $@.new $^ $(LIBS) && mv $@.new $@

# What 'check --kernel' runs: nothing in its address space but itself.
$(SUBJECT): harness/check/kernel_subject/subject.c harness/check/kernel_subject/subject.h | deps
	@mkdir -p $(@D)
	@echo $(CC) $<
	@$(CC) -I. -D_GNU_SOURCE -std=gnu11 -O2 $(WARN) -ffreestanding -fno-stack-protector -fno-pie \
		-no-pie -static -nostdlib -o $@.new $< && mv $@.new $@

# The tests link everything but main(), and the library.
$B/run-tests: $(filter-out $B/harness/cli/main.o,$(OBJ)) $(OBJ_T) $B/lib/vmaindex.o
	@echo link $@
	@$(CXX) $(OPT) $(LDFLAGS) -o $@.new $^ $(LIBS) -lcheck -lsubunit -lrt && mv $@.new $@

$B/%.o: %.c | deps
	@mkdir -p $(@D)
	@echo $(CC) $(OPT) $<
	@$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$B/%.o: %.cc | deps
	@mkdir -p $(@D)
	@echo $(CXX) $(OPT) $<
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

# Once: only the files that are compiled. The shims stand in for the rest of the kernel.
$(LINUX)/unpacked: $(LINUX_TAR)
	@echo "unpack $(LINUX_SRC) of $< (20 s, once)"
	@mkdir -p build && new=$$(mktemp -d build/linux.XXXXXX) && \
		tar -C $$new -xJf $< --strip-components=1 \
			$(addprefix linux-source-6.12/,$(LINUX_SRC) $(LINUX_HEADERS)) && \
		touch $$new/unpacked && rm -rf $(LINUX) && mv -T $$new $(LINUX)

CPPFLAGS_LINUX = -DCONFIG_64BIT -Iindexes/peers/linux/include -isystem $(LINUX)/include
OBJ_SHIMS = $(filter $B/indexes/peers/linux/%,$(OBJ))
$(OBJ_SHIMS): CPPFLAGS += $(CPPFLAGS_LINUX)
$(OBJ_SHIMS): | $(LINUX)/unpacked

$(OBJ_LINUX): $B/linux-6.12/%.o: $(LINUX)/unpacked | deps
	@mkdir -p $(@D)
	@echo $(CC) $(OPT) $(LINUX)/$*.c
	@$(CC) $(CPPFLAGS) $(CPPFLAGS_LINUX) $(CFLAGS) -w -c -o $@ $(LINUX)/$*.c

-include $(OBJ:.o=.d) $(OBJ_T:.o=.d)
include lib/rules.mk

# Results name the flags and the commit: host.o is built again when they change.
COMMIT = $(shell git describe --always --abbrev=12 2>/dev/null)$(shell git diff --quiet HEAD -- \
	 base indexes mm workloads harness Makefile 2>/dev/null || echo -dirty)
BUILD  = -DBUILD_FLAGS='"$(OPT) -DCHECK_LEVEL=$(CHECK)"' -DBUILD_COMMIT='"$(COMMIT)"'
$B/harness/measure/host.o: CPPFLAGS += $(BUILD)
$B/harness/measure/host.o: $B/build-facts
MISSING = $(foreach p,$(PEERS_MISSING),{ "$(call peer,$p,2)", "$(call peer,$p,3)" },)
$B/indexes/peers/peers.o: CPPFLAGS += -DPEERS_MISSING='$(MISSING)'
$B/indexes/peers/peers.o: $B/peers-missing
$B/peers-missing: always
	@mkdir -p $(@D)
	@echo '$(PEERS_MISSING)' | cmp -s - $@ || echo '$(PEERS_MISSING)' > $@
$B/build-facts: always
	@mkdir -p $(@D)
	@printf '%s\n' "$(subst ",,$(BUILD))" | cmp -s - $@ || \
		printf '%s\n' "$(subst ",,$(BUILD))" > $@

# ---- what is missing is installed, or named ----
.PHONY: deps always
deps: VARIANT_PACKAGES = $(PACKAGES) $(PACKAGES_$(VARIANT))
deps:  ## install the Debian packages that are missing (as root), or name them
	@command -v dpkg-query >/dev/null || exit 0; \
	have=$$(dpkg-query -W -f '$${Package} $${db:Status-Status}\n' $(VARIANT_PACKAGES) 2>/dev/null); \
	missing=; for p in $(VARIANT_PACKAGES); do \
		echo "$$have" | grep -qx "$$p installed" || missing="$$missing $$p"; done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" != 0 ]; then \
		echo "make: missing packages:$$missing (as root, 'make deps' installs them)" >&2; \
		exit 1; \
	fi; \
	export DEBIAN_FRONTEND=noninteractive; \
	apt-get update -q && apt-get install -qy --no-install-recommends $$missing

.PHONY: peers
peers:  ## install the packages of the peers, other people's indexes, and build with them
	@$(MAKE) deps PACKAGES='$(PACKAGES) $(PEER_PACKAGES)'
	@$(MAKE) all

# ---- tests ----
.PHONY: test run-tests asan tsan check-long clang lint format
test: all  ## build and run the tests; SUITE=NAME only that one
	@$(MAKE) VARIANT=test run-tests

run-tests: $B/run-tests $(PROGRAM) $(SUBJECT)
	@VMABENCH=$(PROGRAM) tests/run.sh $B/run-tests $(SUITE)

asan:  ## the tests with AddressSanitizer and UBSan
	@$(MAKE) VARIANT=asan run-tests

# The suites in which several threads run.
TSAN_SUITES := history shapes bugs long_run faults threads replay_threads locking_threads
tsan:  ## the tests of threads with ThreadSanitizer
	@TSAN_OPTIONS="suppressions=$(CURDIR)/tests/tsan.supp $$TSAN_OPTIONS" \
		$(MAKE) VARIANT=tsan run-tests SUITE="$(or $(SUITE),$(TSAN_SUITES))"

FUZZ    ?= 100000
.PHONY: fuzz
fuzz:  ## every verb on FUZZ damaged traces and results (100000), with both sanitizers; seed: TEST_SEED=
	@$(MAKE) VARIANT=asan run-fuzz

.PHONY: run-fuzz
run-fuzz: $B/run-tests $(PROGRAM)
	@ASAN_OPTIONS="quarantine_size_mb=16:$$ASAN_OPTIONS" VMABENCH=$(PROGRAM) TEST_FUZZ=$(FUZZ) \
		$B/run-tests fuzz

.PHONY: spin
spin:  ## check the model of how maple publishes, and that its broken twins fail
	@command -v spin >/dev/null || { echo "make spin: missing package: $(PACKAGES_spin)" >&2; exit 1; }
	@indexes/maple/spin.sh

check-long: all  ## hours of random operations, of damaged input, and of tests with other seeds
	./vmabench check --ops 20000000 --seed $$(date +%s)
	@TEST_LONG=1 $(MAKE) VARIANT=test run-tests \
		SUITE="replay_whatif replay_drivers long_run faults written lib_flags"
	@TEST_LONG=1 $(MAKE) asan SUITE="contract corrupt model torture"
	@TEST_LONG=1 $(MAKE) tsan SUITE="long_run faults"
	@$(MAKE) fuzz
	@$(MAKE) mutate FILE=mm/mseal.c SUITE=refusals
	@for seed in 1 2 3; do TEST_SEED=$$seed $(MAKE) VARIANT=test CHECK=3 run-tests || exit 1; done

.PHONY: mutate
mutate:  ## which mistakes in FILE do the tests SUITE not see?
	@tests/mutate $(FILE) '$(SUITE)'

clang:  ## build with clang, to see its warnings
	@$(MAKE) VARIANT=clang all

lint:  ## formatting, scripts, the direction of includes, words
	@$(MAKE) deps PACKAGES='$(PACKAGES_lint)'
	@tests/lint

format:  ## clang-format of all sources
	@$(MAKE) deps PACKAGES='$(PACKAGES_lint)'
	@git ls-files '*.c' '*.h' '*.cc' | xargs clang-format -i

# ---- measuring ----
RESULTS ?= results/bench.json
THREADS ?= results/threads.json
SCALAR  ?= results/scalar.json
COUNTS  ?= results/programs.json
WORST   ?= results/worst.json
given    = $(if $(wildcard $2),--$1 $2)
INDEX   ?= btree
VMAS    ?= 65536
OPS     ?= 1000000

.PHONY: bench report slowdown perf worst counts counts-programs
bench: all  ## run the benchmarks, draw the plots, write BENCHMARKS.md (12 minutes with all peers)
	./vmabench bench --json $(RESULTS) $(BENCH)
	./vmabench bench --json $(SCALAR) --simd scalar --vmas 1000,65536 --case $(SCALAR_CASES) \
		--index "$$(./vmabench list --names indexes | grep -xE '$(SCALAR_INDEXES)' | paste -sd,)"
	./vmabench threads --json $(THREADS)
	@$(MAKE) report

# What searching nodes takes part in; the bound, and peers as far as they are built.
SCALAR_CASES   := 'find-*dependent/no-touch,find-local/no-touch,gap-*,churn,split-merge/aged'
SCALAR_INDEXES := btree|static-stree|linux-maple|linux-rbtree|judy|absl-btree|critnib|std-map

report: all  ## plots and BENCHMARKS.md from RESULTS and, where they are there, THREADS, SCALAR, COUNTS, WORST
	./vmabench plot -o plots $(RESULTS) $(wildcard $(THREADS))
	./vmabench report -o BENCHMARKS.md --plots plots $(call given,scalar,$(SCALAR)) \
		$(call given,counts,$(COUNTS)) $(call given,worst,$(WORST)) \
		$(RESULTS) $(wildcard $(THREADS))

slowdown: all  ## how much slower programs are while recorded (as root): table in workloads/README.md
	@workloads/slowdown

perf: all  ## perf record and report of one case: CASE=find-dependent/no-touch INDEX= VMAS= OPS=
	@[ -n "$(CASE)" ] || { echo "make perf: say CASE=, one of 'vmabench list'" >&2; exit 1; }
	@command -v perf >/dev/null || { echo "make perf: missing packages: $(PACKAGES_perf)" >&2; exit 1; }
	@perf record -q -o build/perf.data ./vmabench bench --case '$(CASE)' --index $(INDEX) \
		--vmas $(VMAS) --count $(OPS) || { echo "make perf: perf may not record:" \
		"needs root, or kernel.perf_event_paranoid at 2 or less (it is" \
		"$$(cat /proc/sys/kernel/perf_event_paranoid))" >&2; exit 1; }
	@perf report -q --stdio -i build/perf.data

worst: all  ## the slowest of 10 million random edits at 1,000,000 VMAs, in instructions
	./vmabench worst --index $(INDEX) --vmas $(if $(filter file,$(origin VMAS)),1000000,$(VMAS)) \
		--edits $(if $(filter file,$(origin OPS)),10000000,$(OPS)) --json $(WORST)

counts: all  ## instructions per operation of all cases, by callgrind: CASE= INDEX= VMAS=
	@command -v valgrind >/dev/null || { echo "make counts: missing packages: $(PACKAGES_counts)" >&2; exit 1; }
	@harness/bench/counts.sh "$(CASE)" "$(if $(filter file,$(origin INDEX)),,$(INDEX))" \
		$(if $(filter file,$(origin VMAS)),1000,$(VMAS)) results/counts.json

# Ours and the kernel's, as far as they are built, and null: the harness's own share.
counts-programs: all  ## the same of all recorded programs, into COUNTS
	@command -v valgrind >/dev/null || { echo "make counts-programs: missing packages: $(PACKAGES_counts)" >&2; exit 1; }
	@harness/bench/counts.sh 'replay-*' "$$(./vmabench list --names indexes | \
		grep -xE 'btree|rbtree|linux-maple|linux-rbtree|null' | paste -sd,)" 1000 $(COUNTS)

# ---- the rest ----
.PHONY: help clean
help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST:%.d=) | expand -t 14

clean:  ## remove all that was built
	rm -rf build vmabench
