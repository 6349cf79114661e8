# libvmaindex, the manual pages and installing; included by the Makefile.
#
# All objects of the library become one, in which only vmaindex_* is global: so
# the static library too keeps its names for itself, and comes as a whole.

LIB_VERSION := $(shell sed -n 's/.*VMAINDEX_VERSION "\(.*\)"/\1/p' lib/vmaindex.h)
OBJCOPY     ?= objcopy
LIB_SONAME  := libvmaindex.so.$(firstword $(subst ., ,$(LIB_VERSION)))
LIB_SRC     := $(wildcard lib/*.c indexes/btree/*.c) indexes/vma_index.c
LIB_OBJ     := $(LIB_SRC:%.c=$B/pic/%.o)
LIB         := $B/lib/libvmaindex.a $B/lib/libvmaindex.so.$(LIB_VERSION)

$B/pic/%.o: %.c | deps
	@mkdir -p $(@D)
	@echo $(CC) $(OPT) -fPIC $<
	@$(CC) $(CPPFLAGS) $(CFLAGS) -fPIC -fvisibility=hidden -c -o $@ $<

$B/lib/vmaindex.o: $(LIB_OBJ)
	@mkdir -p $(@D)
	@$(LD) -r -o $@ $^
	@$(OBJCOPY) --localize-hidden $@

$B/lib/libvmaindex.a: $B/lib/vmaindex.o
	@echo archive $@
	@rm -f $@
	@$(AR) rcsD $@ $^

$B/lib/libvmaindex.so.$(LIB_VERSION): $B/lib/vmaindex.o
	@echo link $@
	@$(CC) $(OPT) -shared -Wl,-soname,$(LIB_SONAME) -Wl,-z,defs -o $@ $^

-include $(LIB_OBJ:.o=.d)

# ---- manual pages ----
MAN := build/man/vmabench.1 build/man/vmaindex.3

build/man/%: doc/%.scd | deps
	@mkdir -p $(@D)
	@echo scdoc $<
	@scdoc < $< > $@.new && mv $@.new $@

.PHONY: lib man install uninstall
lib: $(LIB)  ## build libvmaindex, static and shared
man: $(MAN)  ## build the manual pages

# ---- installing ----
# All that the file of an index includes of ours.
PLUGIN_HEADERS := indexes/vma_index.h base/arena.h base/util.h

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
LIBEXECDIR ?= $(PREFIX)/libexec
INCLUDEDIR ?= $(PREFIX)/include
DATADIR    ?= $(PREFIX)/share
MANDIR     ?= $(PREFIX)/share/man
D           = $(DESTDIR)

install: all lib man  ## install program, library, header, manual: DESTDIR= PREFIX= LIBDIR= ...
	install -d $D$(BINDIR) $D$(LIBDIR)/pkgconfig $D$(LIBEXECDIR)/vmabench $D$(INCLUDEDIR) \
		$D$(DATADIR)/vmabench $D$(MANDIR)/man1 $D$(MANDIR)/man3
	install $(PROGRAM) $D$(BINDIR)/vmabench
	install $(SUBJECT) $D$(LIBEXECDIR)/vmabench/kernel-subject
	install -m 644 lib/vmaindex.h $D$(INCLUDEDIR)
	install -m 644 $(LIB) $D$(LIBDIR)
	ln -sf libvmaindex.so.$(LIB_VERSION) $D$(LIBDIR)/$(LIB_SONAME)
	ln -sf $(LIB_SONAME) $D$(LIBDIR)/libvmaindex.so
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' -e 's|@VERSION@|$(LIB_VERSION)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' lib/vmaindex.pc.in > \
		$D$(LIBDIR)/pkgconfig/vmaindex.pc
	cd $D$(DATADIR)/vmabench && install -d plots workloads/traces examples/plugin
	install -m 644 plots/*.gp plots/*.inc $D$(DATADIR)/vmabench/plots
	install -m 644 workloads/traces/*.vmt $D$(DATADIR)/vmabench/workloads/traces
	install -m 644 examples/plugin/Makefile examples/plugin/treap.c \
		$D$(DATADIR)/vmabench/examples/plugin
	for header in $(PLUGIN_HEADERS); do \
		install -D -m 644 $$header $D$(INCLUDEDIR)/vmabench/$$header || exit 1; done
	printf '%s\n' 'headers=$(INCLUDEDIR)/vmabench' '' 'Name: vmabench' \
		'Description: headers for plug-ins of vmabench' 'Version: $(LIB_VERSION)' \
		'Cflags: -I$${headers}' > $D$(LIBDIR)/pkgconfig/vmabench.pc
	install -m 644 build/man/vmabench.1 $D$(MANDIR)/man1
	install -m 644 build/man/vmaindex.3 $D$(MANDIR)/man3

uninstall:  ## remove what install has put there
	rm -f $D$(BINDIR)/vmabench $D$(LIBEXECDIR)/vmabench/kernel-subject \
		$D$(INCLUDEDIR)/vmaindex.h $D$(LIBDIR)/libvmaindex.* \
		$D$(LIBDIR)/pkgconfig/vmaindex.pc $D$(LIBDIR)/pkgconfig/vmabench.pc \
		$D$(MANDIR)/man1/vmabench.1 $D$(MANDIR)/man3/vmaindex.3
	rm -rf $D$(DATADIR)/vmabench $D$(INCLUDEDIR)/vmabench
