# SPDX-License-Identifier: MIT
# SVR testbed. `make help` lists the targets.

MODE    ?= release
.DEFAULT_GOAL := all
WARN    := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wwrite-strings
CWARN   := $(WARN) -Wstrict-prototypes -Wmissing-prototypes -Wvla
B       := build

ifeq ($(MODE),asan)
B       := build/asan
OPT     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
OPT     := -O2 -g
endif

# make V=1 shows the commands; otherwise a line each. $(call step,NAME,FILE) also makes the target's folder.
Q    := $(if $(V),,@)
step  = @mkdir -p $(@D)$(if $(V),,; printf '  %-4s %s\n' $(1) $(2))

CFLAGS   += -std=c17 $(OPT) $(CWARN) -fstack-protector-strong -fno-strict-aliasing -MMD -MP
CPPFLAGS += -D_GNU_SOURCE -DOPENSSL_NO_DEPRECATED -DOPENSSL_API_COMPAT=30000 -Icore/include
LDFLAGS  += $(OPT)
# intel-ipsec-mb exists for x86 only; core/crypto leaves that engine out when the header is missing.
IPSEC_MB := $(shell $(CC) -E -include intel-ipsec-mb.h -x c /dev/null >/dev/null 2>&1 && echo -lIPSec_MB)
CORE_LIBS := -lcrypto $(IPSEC_MB)

# What is compiled depends on this file, which changes when the compilers or their flags do.
FLAGS = $(CC) $(CPPFLAGS) $(CFLAGS) $(CXX) $(CXXFLAGS) $(LDFLAGS) $(IPSEC_MB)
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@echo '$(FLAGS)' | cmp -s - $@ || echo '$(FLAGS)' >$@
FORCE:

# ---- the stack -------------------------------------------------------------------------------
CORE_SRC := $(wildcard core/*/*.c)
CORE_OBJ := $(CORE_SRC:%.c=$(B)/%.o)
LIBSVR   := $(B)/lib/libsvr.a

# ---- the router: Linux host of the stack -----------------------------------------------------
ROUTER_OBJ   := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard router/*/*.c)))
ROUTER_LIBS  := -lmnl -lnftables -ljansson -lpcap -lcap-ng -lseccomp -lsystemd
LIBSVRD      := $(B)/lib/libsvrd.a

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(B)/%)

.PHONY: all lib
all: binaries

lib: $(LIBSVR)

$(B)/core/%.o: core/%.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Icore $(CFLAGS) -c $< -o $@

$(LIBSVR): $(CORE_OBJ)
	$(call step,AR,$@)
	$(Q)rm -f $@ && ar crs $@ $^

$(B)/router/%.o: router/%.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Irouter $(CFLAGS) -c $< -o $@

$(LIBSVRD): $(ROUTER_OBJ)
	$(call step,AR,$@)
	$(Q)rm -f $@ && ar crs $@ $^

$(B)/bin/svrd $(B)/bin/svrctl: $(B)/bin/%: $(B)/router/%/main.o $(LIBSVRD) $(LIBSVR)
	$(call step,LD,$@)
	$(Q)$(CC) $^ -o $@ $(LDFLAGS) $(CORE_LIBS) $(if $(filter svrd,$*),$(ROUTER_LIBS),-ljansson)

$(B)/tests/unit/test_router_%: tests/unit/test_router_%.c $(LIBSVRD) $(LIBSVR) $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Irouter -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(LIBSVRD) $(LIBSVR) $(CORE_LIBS) $(ROUTER_LIBS) -lcmocka

$(B)/tests/unit/%: tests/unit/%.c $(LIBSVR) $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Icore -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(LIBSVR) $(CORE_LIBS) -lcmocka

# ---- captures --------------------------------------------------------------------------------
$(B)/pcap-tools/%.o: pcap-tools/%.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Ipcap-tools -Irouter $(CFLAGS) -c $< -o $@

SVRPCAP_OBJ  := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard pcap-tools/*/*.c))) $(B)/router/common/json.o
SVRPCAP_LIBS := $(CORE_LIBS) -lpcap -ljansson

$(B)/bin/svrpcap: $(B)/pcap-tools/svrpcap/main.o $(SVRPCAP_OBJ) $(LIBSVR)
	$(call step,LD,$@)
	$(Q)$(CC) $^ -o $@ $(LDFLAGS) $(SVRPCAP_LIBS)

$(B)/tests/unit/test_svrpcap_%: tests/unit/test_svrpcap_%.c $(SVRPCAP_OBJ) $(LIBSVR) $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Ipcap-tools -Irouter -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(SVRPCAP_OBJ) $(LIBSVR) \
		$(SVRPCAP_LIBS) -lcmocka

# ---- the simulator ---------------------------------------------------------------------------
# (Debian's ns-3 pkg-config files carry broken include flags, and its headers are where the compiler looks.)
CXXFLAGS += -std=c++17 $(OPT) $(WARN) -MMD -MP
NS3_LIBS := -lns3-internet -lns3-network -lns3-core -lstdc++
SHIM_OBJ := $(patsubst %.cc,$(B)/%.o,$(wildcard sim/libns3shim/*.cc))

$(B)/sim/%.o: sim/%.cc $(B)/flags
	$(call step,CXX,$<)
	$(Q)$(CXX) $(CXXFLAGS) -c $< -o $@

$(B)/lib/libns3shim.a: $(SHIM_OBJ)
	$(call step,AR,$@)
	$(Q)rm -f $@ && ar crs $@ $^

SIM_INC := -Isim -Ipcap-tools -Irouter -Ilua $(shell pkg-config --cflags lua5.4 2>/dev/null)

$(B)/sim/%.o: sim/%.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(SIM_INC) $(CFLAGS) -c $< -o $@

$(B)/lua/%.o: lua/%.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(SIM_INC) $(CFLAGS) -c $< -o $@

# The Lua modules go into the program, as C strings. embed: all that it depends on, each as a module of its folder's package.
embed = { echo '\#include "modules.h"'; echo 'const lua_module lua_modules[] = {'; \
	  for f in $^; do echo "{\"$$(basename $$(dirname $$f)).$$(basename $$f .lua)\","; sed 's/\\/&&/g; s/"/\\"/g; s/.*/"&\\n"/' $$f; echo '},'; done; \
	  echo '{0, 0}};'; } > $@

LUA_MODULES := $(wildcard lua/svr/*.lua)
$(B)/lua/embedded.c: $(LUA_MODULES)
	$(call step,GEN,$@)
	$(Q)$(embed)

$(B)/lua/embedded.o: $(B)/lua/embedded.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(SIM_INC) $(CFLAGS) -c $< -o $@

PCAPNG_OBJ   := $(patsubst %.c,$(B)/%.o,$(wildcard pcap-tools/pcapng/*.c))
SVRSIM_OBJ   := $(patsubst %.c,$(B)/%.o,$(wildcard sim/svrsim/*.c lua/*.c)) $(B)/lua/embedded.o \
                $(B)/router/common/json.o $(B)/router/common/beside.o
SIM_TEST_BIN := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/test_*.c))

$(B)/tests/sim/%: tests/sim/%.c $(B)/lib/libns3shim.a $(B)/sim/svrsim/seeded_rand.o $(PCAPNG_OBJ) $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Isim -Ipcap-tools -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(filter %.o %.a,$^) \
		$(NS3_LIBS) -lcmocka -lcrypto -lpcap

$(B)/bin/svrsim: $(SVRSIM_OBJ) $(PCAPNG_OBJ) $(B)/lib/libns3shim.a $(LIBSVR)
	$(call step,LD,$@)
	$(Q)$(CC) $^ -o $@ $(LDFLAGS) $(NS3_LIBS) $(CORE_LIBS) -llua5.4 -ljansson -lm

# ---- the lab: the same scenarios with svrd in network namespaces ------------------------------
# It is what lua/ is linked with instead of svrsim: see lab/svrlab/lab.h. Hosts and links are ns-3's in both.
$(B)/lab/%.o: lab/%.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(SIM_INC) -Ilab $(CFLAGS) -c $< -o $@

LAB_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard lab/svrlab/*.c lua/*.c)) $(B)/lua/embedded.o \
           $(B)/router/common/json.o $(B)/router/common/beside.o $(addprefix $(B)/sim/svrsim/,capture.o journal.o options.o output.o progress.o script.o)
$(B)/bin/svrlab: $(LAB_OBJ) $(PCAPNG_OBJ) $(B)/lib/libns3shim.a $(LIBSVR)
	$(call step,LD,$@)
	$(Q)$(CC) $^ -o $@ $(LDFLAGS) $(NS3_LIBS) $(CORE_LIBS) -llua5.4 -ljansson -lm

$(B)/tests/bench/scale: tests/bench/scale.c $(LIBSVR) $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $< -o $@ $(LDFLAGS) $(LIBSVR) $(CORE_LIBS)

$(B)/tests/bench/bare_ns3: tests/bench/bare_ns3.cc $(B)/flags
	$(call step,CXX,$<)
	$(Q)$(CXX) $(CXXFLAGS) $< -o $@ $(LDFLAGS) -lns3-point-to-point -lns3-internet -lns3-network -lns3-core

# For processors that intel-ipsec-mb is made for: it is what the stack is compared with.
$(B)/tests/bench/core_seal: tests/bench/core_seal.c $(LIBSVR) $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Irouter $(CFLAGS) $< -o $@ $(LDFLAGS) $(LIBSVR) $(CORE_LIBS)

$(B)/tests/bench/udp_rate: tests/bench/udp_rate.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $< -o $@ $(LDFLAGS) -lpthread

# ---- the conformance suite -------------------------------------------------------------------
CONFORM_MODULES := $(wildcard conformance/conform/*.lua) lua/svr/json.lua
$(B)/conformance/embedded.c: $(CONFORM_MODULES)
	$(call step,GEN,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(embed)

$(B)/conformance/%.o: conformance/%.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(SIM_INC) -Iconformance $(CFLAGS) -c $< -o $@

$(B)/conformance/embedded.o: $(B)/conformance/embedded.c $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(SIM_INC) $(CFLAGS) -c $< -o $@

CONFORM_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard conformance/*.c)) $(B)/conformance/embedded.o \
               $(B)/lua/modules.o $(B)/lua/settings.o
$(B)/bin/svrconform: $(CONFORM_OBJ) $(PCAPNG_OBJ) $(LIBSVRD) $(LIBSVR)
	$(call step,LD,$@)
	$(Q)$(CC) $^ -o $@ $(LDFLAGS) $(CORE_LIBS) $(ROUTER_LIBS) -llua5.4 -lm

$(B)/tests/unit/test_conform_%: tests/unit/test_conform_%.c $(B)/conformance/copies.o $(LIBSVR) $(B)/flags
	$(call step,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) -Iconformance -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(B)/conformance/copies.o $(LIBSVR) $(CORE_LIBS) -lcmocka

# ---- the dissector for Wireshark --------------------------------------------------------------
# One file for its users, put together from parts; need "x" gives what part x returns.
DISSECTOR       := $(B)/wireshark/svr.lua
DISSECTOR_PARTS := $(wildcard pcap-tools/wireshark/svr/*.lua)
$(DISSECTOR): pcap-tools/wireshark/head.lua $(DISSECTOR_PARTS)
	$(call step,GEN,$@)
	$(Q){ cat $<; for f in $(DISSECTOR_PARTS); do \
		echo; echo "parts[\"$$(basename $$f .lua)\"] = function()"; cat $$f; echo 'end'; done; echo; echo 'need "main"'; } >$@

# Where Wireshark looks for plugins and profiles: root installs for everybody, since tshark run by root ignores what is personal.
WS_SCOPE   = $(if $(filter 0,$(shell id -u)),Global,Personal)
ws_folder  = $(shell tshark -G folders 2>/dev/null | sed -n 's/^$(WS_SCOPE) $(1):[[:space:]]*//p')
WS_PROFILE = pcap-tools/wireshark/profile
install-wireshark: $(DISSECTOR) ## put dissector and profile where Wireshark finds them: your own folders, or everybody's for root
	@plugins='$(call ws_folder,Lua Plugins)' settings='$(call ws_folder,configuration)'; \
	[ -n "$$plugins" ] && [ -n "$$settings" ] || { echo 'install-wireshark: tshark does not name its folders; is it installed?' >&2; exit 1; }; \
	install -D -m 644 -t "$(DESTDIR)$$plugins" $(DISSECTOR) && \
	install -D -m 644 -t "$(DESTDIR)$$settings/profiles/SVR" $(WS_PROFILE)/* && \
	echo "$(DESTDIR)$$plugins/svr.lua and the profile SVR in $(DESTDIR)$$settings/profiles"

# Simulators with one deliberate fault each, which the suite has to name. The faulty object hides the one in the library.
MUTANTS := $(patsubst tests/mutants/%,$(B)/mutants/%/svrsim,$(wildcard tests/mutants/*))
$(B)/mutants/%/svrsim: tests/mutants/% tools/mutate $(B)/bin/svrsim
	$(call step,LD,$@)
	$(Q)tools/mutate $< $(@D)/mutant.c
	$(Q)$(CC) $(CPPFLAGS) -Icore $(CFLAGS) -c $(@D)/mutant.c -o $(@D)/mutant.o
	$(Q)$(CC) $(@D)/mutant.o $(SVRSIM_OBJ) $(PCAPNG_OBJ) $(B)/lib/libns3shim.a $(LIBSVR) -o $@ $(LDFLAGS) $(NS3_LIBS) $(CORE_LIBS) \
		-llua5.4 -ljansson -lm

.PHONY: sim test-sim mutants
mutants: $(MUTANTS)
sim: $(B)/bin/svrsim $(B)/bin/svrconform ## build the simulator and the conformance suite alone

# ---- for people ------------------------------------------------------------------------------
# Targets that install something call make again, so that it looks around after that. -j of the caller is kept.
SETUP ?= tools/setup
SUB    = $(MAKE) --no-print-directory $(if $(V),,-s) $(if $(findstring -j,$(MAKEFLAGS)),,-j$(JOBS))
JOBS  := $(shell nproc)

ROUTER    := $(B)/bin/svrd $(B)/bin/svrctl
BINARIES  := $(ROUTER) $(B)/bin/svrpcap $(B)/bin/svrsim $(B)/bin/svrlab $(B)/bin/svrconform
ASAN_BIN  := $(UNIT_SRC:%.c=build/asan/%)
SIM_TESTS := $(SIM_TEST_BIN) $(wildcard tests/sim/*.t)
LAB_TESTS := $(wildcard tests/lab/*.t)
CHECKS    := tools/check-core tools/check-style $(wildcard tests/tools/*.t)
# What no rule names runs by itself, after the others: the lab tests, which look at a real clock.
TAP = CMOCKA_MESSAGE_OUTPUT=TAP prove $(PROVE) -j$(JOBS) --exec '' $(addprefix --rules=par=,'build/**' 'tools/*' 'tests/tools/*' 'tests/sim/*')
# What another compiler needs to read any C source of ours.
SYNTAX  = -std=c17 $(CWARN) $(CPPFLAGS) -Icore -Itests/unit $(SIM_INC) -Ilab -Iconformance
SOURCES = $(shell find $(wildcard core router sim lab lua conformance pcap-tools tests) -name '*.c' -o -name '*.h' -o -name '*.cc' -o -name '*.hh')

.PHONY: setup binaries router test-binaries asan-binaries unit asan test-sim lab check house demo bench install install-router install-testbed install-wireshark deb check-packages format lint flags libs help clean

setup: ## install what all targets need (apt; sudo when not root)
	@$(SETUP) check

binaries: $(BINARIES) $(DISSECTOR) ## build the programs into build/bin
	@:
test-binaries: $(UNIT_BIN) $(SIM_TEST_BIN)
	@:
asan-binaries:
	+@$(SUB) MODE=asan $(ASAN_BIN)

router: ## build svrd and svrctl alone; needs neither ns-3 nor Lua
	@$(SETUP) router
	+@$(SUB) $(ROUTER)

check: setup ## build everything and pass all tests
	+@$(SUB) binaries test-binaries mutants
	+@$(SUB) asan-binaries
	@tools/package >/dev/null
	@$(TAP) $(UNIT_BIN) $(ASAN_BIN) $(CHECKS) $(SIM_TESTS) $(LAB_TESTS)

demo: ## watch a hub and three spokes for two simulated days, then real traffic between namespaces
	@$(SETUP) demo
	+@$(SUB) binaries
	@tools/demo

# BENCH=sim, scale, capture, core, tunnels or crash chooses one part; QUICK=1 measures once, and less long.
bench: ## measure; prints ratios against a comparison in the same run; tunnels as root
	@$(SETUP) bench
	+@$(SUB) binaries $(addprefix $(B)/tests/bench/,bare_ns3 scale udp_rate $(if $(IPSEC_MB),core_seal))
	@tests/bench/run $(BENCH)

unit: $(UNIT_BIN) ## the unit tests alone
	@$(TAP) $(UNIT_BIN)

asan: asan-binaries ## the unit tests under the address and undefined-behaviour sanitizers
	@$(TAP) $(ASAN_BIN)

test-sim: binaries mutants $(SIM_TEST_BIN) ## the simulator's tests alone
	@$(TAP) $(SIM_TESTS)

house: binaries ## the checks of the sources alone
	@$(TAP) $(CHECKS)

lab: binaries ## the lab tests alone: real programs between network namespaces; as root
	@$(TAP) $(LAB_TESTS)

# ---- installing ------------------------------------------------------------------------------
# What is found beside each other in build/bin is found in PREFIX as well: svrlab looks for ../sbin/svrd, svrconform for ../share.
PREFIX  ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system
TO       = $(DESTDIR)$(PREFIX)
TESTBED  = $(TO)/share/svr-testbed
MAN      = $(TO)/share/man
TOOLS    = $(filter-out $(ROUTER),$(BINARIES))
# $(call pages,PAGE...): each into the section that its name says.
pages    = for page in $(1); do install -D -m 644 -t $(MAN)/man$${page\#\#*.} $$page || exit 1; done

install: install-router install-testbed ## install all below PREFIX (/usr/local); DESTDIR goes in front

install-router: $(ROUTER) ## install svrd and svrctl alone, with unit, man pages and example
	@install -D -t $(TO)/sbin $(B)/bin/svrd
	@install -D -t $(TO)/bin $(B)/bin/svrctl
	@$(call pages,docs/man/svrd.8 docs/man/svrctl.1)
	@install -D -m 644 router/system/svrctl.bash $(TO)/share/bash-completion/completions/svrctl
	@install -D -m 644 -t $(TO)/share/doc/svr-router/examples router/system/authority.conf
	@install -D -m 644 router/system/svr-router.sysusers $(TO)/lib/sysusers.d/svr-router.conf
	@install -D -m 644 router/system/svr-router.tmpfiles $(TO)/lib/tmpfiles.d/svr-router.conf
	@install -d $(DESTDIR)$(UNITDIR)
	@sed 's,@SBINDIR@,$(PREFIX)/sbin,; s,@BINDIR@,$(PREFIX)/bin,' router/system/svrd@.service.in >$(DESTDIR)$(UNITDIR)/svrd@.service

install-testbed: $(TOOLS) ## install the simulator, the lab and the conformance suite
	@install -D -t $(TO)/bin $(TOOLS)
	@$(call pages,$(filter-out %/svrd.8 %/svrctl.1,$(wildcard docs/man/*)))
	@install -D -m 644 -t $(TESTBED)/scenarios scenarios/*.lua
	@install -D -m 644 -t $(TESTBED)/lua/svr $(LUA_MODULES)

check-packages: deb ## install the packages into a clean Debian 12, and run it; as root, with the network
	@$(SETUP) clean-root
	+@$(SUB) $(ROUTER)
	@prove $(PROVE) tests/packages

deb: ## build Debian packages into build/deb
	@$(SETUP) package
	@tools/package

format: ## lay out the sources
	@clang-format -i $(SOURCES)

lint: ## clang-tidy over the sources (slow)
	@$(SETUP) lint
	@printf '%s\n' $(filter %.c,$(SOURCES)) | xargs -P $(JOBS) -n 4 sh -c 'clang-tidy --quiet "$$@" -- $(SYNTAX)' -

flags: # for tools/check-style
	@echo '$(SYNTAX)'

libs: # what svrd is linked with, for tests/lab/probe.t
	@echo '$(CORE_LIBS) $(ROUTER_LIBS)'

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

clean: ## remove everything that was built
	@rm -rf build

-include $(shell find $(B) -path $(B)/deb -prune -o -name '*.d' -type f -print 2>/dev/null)
