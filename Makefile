# SPDX-License-Identifier: MIT
# The front of the build. Each target sees to what it needs by itself (tools/setup says what it installs).

SETUP = tools/setup
MESON = /usr/bin/meson

.PHONY: all build setup-% test test-long demo bench fuzz clean

all: build

build: setup-build build/build.ninja
	ninja -C build

setup-%:
	@$(SETUP) $*

build/build.ninja:
	$(MESON) setup build

build-asan/build.ninja:
	$(MESON) setup build-asan -Db_sanitize=address,undefined -Db_lundef=false

build-fuzz/build.ninja:
	CC=clang $(MESON) setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false

# All suites in the plain build; unit, wire, fuzz and proto again under ASan and UBSan; a fuzz smoke.
test: setup-test build/build.ninja build-asan/build.ninja build-fuzz/build.ninja
	ninja -C build
	ninja -C build-asan
	ninja -C build-fuzz
	/usr/bin/python3 tools/run_tests.py build build-asan:unit,wire,fuzz,proto --fuzz build-fuzz

test-long: setup-test build/build.ninja
	ninja -C build
	/usr/bin/python3 tools/run_tests.py build:long

demo: setup-demo build
	build/vitrine demo

bench: setup-test build
	/usr/bin/python3 bench/run.py

clean:
	rm -rf build build-asan build-fuzz
