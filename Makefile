# SPDX-License-Identifier: MIT
# SVR testbed. `make help` lists the targets.

CC      ?= gcc
CXX     ?= g++
MODE    ?= release
WARN    := -Wall -Wextra -Werror -Wshadow -Wpointer-arith -Wwrite-strings
CWARN   := $(WARN) -Wstrict-prototypes -Wmissing-prototypes -Wvla
B       := build

ifeq ($(MODE),asan)
B       := build/asan
OPT     := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
else
OPT     := -O2 -g
endif

CFLAGS   += -std=c17 $(OPT) $(CWARN) -fstack-protector-strong -fno-strict-aliasing -MMD -MP
CPPFLAGS += -D_GNU_SOURCE -Icore/include
LDFLAGS  += $(OPT)
# intel-ipsec-mb exists for x86 only; core/crypto leaves that engine out when the header is missing.
IPSEC_MB := $(shell $(CC) -E -include intel-ipsec-mb.h -x c /dev/null >/dev/null 2>&1 && echo -lIPSec_MB)
CORE_LIBS := -lcrypto $(IPSEC_MB)

# ---- the stack -------------------------------------------------------------------------------
CORE_SRC := $(wildcard core/*/*.c)
CORE_OBJ := $(CORE_SRC:%.c=$(B)/%.o)
LIBSVR   := $(B)/lib/libsvr.a

# ---- the router: Linux host of the stack -----------------------------------------------------
ROUTER_OBJ   := $(patsubst %.c,$(B)/%.o,$(filter-out %/main.c,$(wildcard router/*/*.c)))
ROUTER_LIBS  := -lmnl -lnftables -ljansson -lpcap
LIBSVRD      := $(B)/lib/libsvrd.a

UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(UNIT_SRC:%.c=$(B)/%)

BINARIES := $(B)/bin/svrd $(B)/bin/svrctl $(B)/bin/svrsim

.PHONY: all lib router lab unit clean help
all: binaries

lib: $(LIBSVR)

$(B)/core/%.o: core/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Icore $(CFLAGS) -c $< -o $@

$(LIBSVR): $(CORE_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && ar crs $@ $^

router: $(B)/bin/svrd $(B)/bin/svrctl ## build the router alone; needs neither ns-3 nor Lua

$(B)/router/%.o: router/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Irouter $(CFLAGS) -c $< -o $@

$(LIBSVRD): $(ROUTER_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && ar crs $@ $^

$(B)/bin/svrd $(B)/bin/svrctl: $(B)/bin/%: $(B)/router/%/main.o $(LIBSVRD) $(LIBSVR)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ $(LDFLAGS) $(if $(filter svrd,$*),$(CORE_LIBS) $(ROUTER_LIBS))

$(B)/tests/unit/test_router_%: tests/unit/test_router_%.c $(LIBSVRD) $(LIBSVR)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Irouter -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(LIBSVRD) $(LIBSVR) $(CORE_LIBS) $(ROUTER_LIBS) -lcmocka

# Real programs between network namespaces; as root.
lab: router
	prove --exec bash $(wildcard tests/lab/*.t)

$(B)/tests/unit/%: tests/unit/%.c $(LIBSVR)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Icore -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(LIBSVR) $(CORE_LIBS) -lcmocka

unit: $(UNIT_BIN)
	CMOCKA_MESSAGE_OUTPUT=TAP prove $(PROVE) --exec '' $(UNIT_BIN)

# ---- the simulator ---------------------------------------------------------------------------
# (Debian's ns-3 pkg-config files carry broken include flags, and its headers are where the compiler looks.)
CXXFLAGS += -std=c++17 $(OPT) $(WARN) -MMD -MP
NS3_LIBS := -lns3-internet -lns3-network -lns3-core -lstdc++
SHIM_OBJ := $(patsubst %.cc,$(B)/%.o,$(wildcard sim/libns3shim/*.cc))

$(B)/sim/%.o: sim/%.cc
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) -c $< -o $@

$(B)/lib/libns3shim.a: $(SHIM_OBJ)
	@mkdir -p $(@D)
	rm -f $@ && ar crs $@ $^

SIM_INC := -Isim -Ipcap-tools -Irouter -Ilua $(shell pkg-config --cflags lua5.4)

$(B)/sim/%.o: sim/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(SIM_INC) $(CFLAGS) -c $< -o $@

$(B)/lua/%.o: lua/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(SIM_INC) $(CFLAGS) -c $< -o $@

# The Lua modules go into the program, as C strings.
LUA_MODULES := $(wildcard lua/svr/*.lua)
$(B)/lua/modules.c: $(LUA_MODULES)
	@mkdir -p $(@D)
	{ echo '#include "modules.h"'; echo 'const lua_module lua_modules[] = {'; \
	  for f in $^; do echo "{\"svr.$$(basename $$f .lua)\","; sed 's/\\/&&/g; s/"/\\"/g; s/.*/"&\\n"/' $$f; echo '},'; done; \
	  echo '{0, 0}};'; } > $@

$(B)/lua/modules.o: $(B)/lua/modules.c
	$(CC) $(CPPFLAGS) $(SIM_INC) $(CFLAGS) -c $< -o $@

$(B)/pcap-tools/%.o: pcap-tools/%.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Ipcap-tools $(CFLAGS) -c $< -o $@

PCAPNG_OBJ   := $(B)/pcap-tools/pcapng/pcapng.o
SVRSIM_OBJ   := $(patsubst %.c,$(B)/%.o,$(wildcard sim/svrsim/*.c lua/*.c)) $(B)/lua/modules.o \
                $(B)/router/common/json.o
SIM_TEST_BIN := $(patsubst %.c,$(B)/%,$(wildcard tests/sim/test_*.c))

$(B)/tests/sim/%: tests/sim/%.c $(B)/lib/libns3shim.a $(B)/sim/svrsim/seeded_rand.o $(PCAPNG_OBJ)
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Isim -Ipcap-tools -Itests/unit $(CFLAGS) $< -o $@ $(LDFLAGS) $(filter %.o %.a,$^) \
		$(NS3_LIBS) -lcmocka -lcrypto -lpcap

$(B)/bin/svrsim: $(SVRSIM_OBJ) $(PCAPNG_OBJ) $(B)/lib/libns3shim.a $(LIBSVR)
	@mkdir -p $(@D)
	$(CC) $^ -o $@ $(LDFLAGS) $(NS3_LIBS) $(CORE_LIBS) -llua5.4 -ljansson -lm

$(B)/tests/bench/bare_ns3: tests/bench/bare_ns3.cc
	@mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $< -o $@ $(LDFLAGS) -lns3-point-to-point -lns3-internet -lns3-network -lns3-core

.PHONY: sim test-sim
sim: $(B)/bin/svrsim ## build the simulator alone

test-sim: $(SIM_TEST_BIN) sim ## the simulator's tests alone
	CMOCKA_MESSAGE_OUTPUT=TAP prove $(PROVE) --exec '' $(SIM_TEST_BIN)
	SVRSIM=$(B)/bin/svrsim prove $(PROVE) --exec bash $(wildcard tests/sim/*.t)

# ---- for people ------------------------------------------------------------------------------
JOBS := -j$(shell nproc)
SUB  := $(MAKE) --no-print-directory $(JOBS)
TAP  := CMOCKA_MESSAGE_OUTPUT=TAP prove --exec ''
SIM_TESTS := $(sort $(SIM_TEST_BIN) $(wildcard tests/sim/*.t))
LAB_TESTS := $(sort $(wildcard tests/lab/*.t))
FORMATTED := $(shell git ls-files '*.c' '*.h' '*.cc' '*.hh' 2>/dev/null)

.PHONY: setup binaries test-binaries asan check demo bench format lint

setup: ## install what is missing (apt; sudo when not root)
	@tools/setup all

binaries: $(BINARIES) ## build the programs into build/bin
test-binaries: $(UNIT_BIN) $(SIM_TEST_BIN)

asan: ## build the unit tests with address and undefined-behaviour sanitizers
	@$(SUB) MODE=asan $(UNIT_SRC:%.c=build/asan/%)

check: setup ## build everything and pass all tests
	@$(SUB) binaries test-binaries
	@$(SUB) asan
	@$(TAP) $(UNIT_BIN) $(UNIT_SRC:%.c=build/asan/%) tools/check-core tools/check-style $(SIM_TESTS) $(LAB_TESTS)

demo: setup ## watch a hub and three spokes for two simulated days, then real traffic between namespaces
	@$(SUB) binaries
	@tools/demo

bench: setup ## measure; prints ratios against a comparison in the same run
	@$(SUB) binaries $(B)/tests/bench/bare_ns3
	@tests/bench/run

format: ## lay out the sources
	clang-format -i $(FORMATTED)

lint: ## clang-tidy over the sources (slow)
	clang-tidy --quiet $(filter %.c,$(FORMATTED)) -- -std=c17 $(CPPFLAGS) -Icore -Irouter -Isim -Ipcap-tools -Ilua -Itests/unit

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

clean: ## remove everything that was built
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
