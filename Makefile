# vmabench - which index should hold an address space's VMAs?
#
#   make         build ./vmabench
#   make test    build and run the tests
#   make bench   run the benchmarks, draw the plots, write BENCHMARKS.md
#   make help    the rest

# ---- what is built: every .c file of these folders ----
SRC     := $(wildcard base/*.c indexes/*.c indexes/*/*.c mm/*.c workloads/*.c harness/*.c)
SRC_CXX := $(wildcard harness/*.cc)
SRC_T   := $(wildcard tests/*.c tests/*/*.c)

# ---- variants: release (default), asan, tsan ----
VARIANT ?= release
CC      := gcc
CXX     := g++
WARN    := -Wall -Wextra -Werror
FLAGS_release := -O2 -g
FLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -DARENA_SYSTEM_MALLOC
FLAGS_tsan    := -O1 -g -fsanitize=thread -DARENA_SYSTEM_MALLOC
CHECK   ?= 1
OPT     := $(FLAGS_$(VARIANT))
CPPFLAGS := -I. -D_GNU_SOURCE -DCHECK_LEVEL=$(CHECK)
CFLAGS  := -std=gnu11 $(OPT) $(WARN) -fno-strict-aliasing -MMD -MP
CXXFLAGS := -std=c++17 $(OPT) $(WARN) -MMD -MP
LIBS    := -lbenchmark -lzstd -ljansson -lz -lm -lpthread
ifeq ($(filter %SYSTEM_MALLOC,$(OPT)),)
LIBS    += -ljemalloc
endif

B       := build/$(VARIANT)
OBJ     := $(SRC:%.c=$B/%.o) $(SRC_CXX:%.cc=$B/%.o)
OBJ_T   := $(SRC_T:%.c=$B/%.o)
PROGRAM := $(if $(filter release,$(VARIANT)),vmabench,$B/vmabench)

.PHONY: all
all: $(PROGRAM)

$(PROGRAM): $(OBJ)
	$(CXX) $(OPT) -o $@ $^ $(LIBS)

# The tests link everything but main().
$B/run-tests: $(filter-out $B/harness/main.o,$(OBJ)) $(OBJ_T)
	$(CXX) $(OPT) -o $@ $^ $(LIBS) -lcheck -lsubunit -lrt

$B/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$B/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -c -o $@ $<

-include $(OBJ:.o=.d) $(OBJ_T:.o=.d)

.PHONY: clean
clean:
	rm -rf build vmabench
