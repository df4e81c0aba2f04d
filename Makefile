# SPDX-License-Identifier: MIT
# The front of the build. Each target sees to what it needs by itself: tools/setup says what it installs,
# and installs nothing when nothing is missing.

SETUP = tools/setup
MESON = $(or $(wildcard /usr/bin/meson),meson)
PYTHON = /usr/bin/python3
DESKTOP = build/guest/desktop/disk.img

.PHONY: all build with-tests check check-macos test test-long coverage guest guest-desktop guest-for-tests desktop-for-tests guest-sid-for-tests guest-aarch64-for-tests guest-driver-for-tests demo demo-desktop demo-local bench format clean guest-driver guest-driver-package dist packages

all: build

build: setup-build build/build.ninja
	ninja -C build

setup-%:
	@$(SETUP) $*

# The order-only prerequisite: Meson is there before a folder is set up, and a folder is set up once.
build/build.ninja: | setup-build
	$(MESON) setup build -Dtests=false

# The tests are built when a target first needs them, as they are more than all the rest.
with-tests: setup-test build/build.ninja
	@$(MESON) configure build -Dtests=true

# Warnings are errors only here and in CI: a compiler that warns of more than ours must not stop a user's build.
build-check/build.ninja: | setup-test
	$(MESON) setup build-check -Dwerror=true

build-asan/build.ninja: | setup-test
	$(MESON) setup build-asan -Doptimization=1 -Db_sanitize=address,undefined -Db_lundef=false

build-tsan/build.ninja: | setup-test
	$(MESON) setup build-tsan -Db_sanitize=thread -Db_lundef=false

# Only what POSIX has, as on macOS.
build-posix/build.ninja: | setup-test
	$(MESON) setup build-posix -Dplatform=posix

build-fuzz/build.ninja: | setup-test
	CC=clang $(MESON) setup build-fuzz -Dfuzz=true -Db_sanitize=address,undefined -Db_lundef=false

# What a change should pass before it is committed: unit tests, the wire format, the fuzz corpora, the style. No warning is
# left. Under a minute, but for the first build.
check: setup-test build-check/build.ninja
	$(PYTHON) tools/run_tests.py build-check:unit,wire,fuzz,style

# Compiles and links for macOS, with a compiler from npm: no more can be shown without a Mac.
check-macos: setup-test
	tools/check-macos

# All suites but "long": those that feed us bad input under ASan and UBSan, the others in the plain build, short ones in
# both; each fuzz target for some seconds. The last line is "N passed, N failed, N skipped".
test: with-tests build-asan/build.ninja build-fuzz/build.ninja guest-for-tests
	$(PYTHON) tools/run_tests.py build:-proto build-asan:unit,wire,fuzz,proto build-fuzz:fuzz

# How much of each folder the tests run, by lines and branches.
build-coverage/build.ninja: | setup-test
	$(MESON) setup build-coverage -Db_coverage=true

coverage: setup-test build-coverage/build.ninja guest-for-tests
	-$(PYTHON) tools/run_tests.py build-coverage
	$(PYTHON) tools/coverage.py build-coverage

# What takes long: the suite "long", what `make test` runs in one build only in the other one, too, data races, each fuzz
# target for two minutes, a build without src/platform/linux, builds for macOS, arm64 and musl, and guests with pages of
# 16 KiB.
test-long: setup-long with-tests build-asan/build.ninja build-tsan/build.ninja build-fuzz/build.ninja \
		build-posix/build.ninja guest-for-tests desktop-for-tests guest-sid-for-tests guest-aarch64-for-tests \
		guest-driver-for-tests
	tools/build_features
	tools/check-macos
	tools/test-ports
	$(MESON) configure build-fuzz -Dfuzz-seconds=120
	trap '$(MESON) configure build-fuzz -Dfuzz-seconds=5' EXIT; trap 'exit 1' INT TERM; \
	$(PYTHON) tools/run_tests.py build:long,proto,-races build-asan:plain,races build-tsan:unit,fuzz,races build-fuzz:fuzz build-posix:unit,wire,fuzz,proto,plain,pipes

# The sample guest, and a QEMU that can run it where the system's is too old. Packages are fetched once, into
# ~/.cache/vitrine.
guest-for-tests: build
	@tools/fetch-qemu && guest/build.py --program build/guest/cube --program build/guest/events

desktop-for-tests: guest-for-tests
	@$(MAKE) --no-print-directory $(DESKTOP)

# The newest Linux and Mesa that Debian has; packages of 170 MiB.
guest-sid-for-tests: guest-for-tests
	@guest/build.py --release sid --folder build/guest-sid

# A kernel with pages of 16 KiB; tools/test-ports builds the programs that run in it.
guest-aarch64-for-tests: build
	@tools/fetch-qemu --processor aarch64 --folder build/qemu-aarch64 && guest/build.py --processor aarch64 --folder build/guest-aarch64

guest: setup-demo build
	@tools/fetch-qemu
	@guest/build.py --program build/guest/cube --program build/guest/events

# Larger: a desktop. 'make demo-desktop' boots it.
guest-desktop: guest $(DESKTOP)

$(DESKTOP): guest/desktop.py guest/desktop-start guest/desktop-session $(wildcard guest/x11/*)
	@guest/desktop.py

demo-desktop: guest-desktop
	build/vitrine demo --guest build/guest/desktop

# The driver for containers' images, which takes minutes: docs/containers.md.
guest-driver: setup-build
	tools/make-guest-driver

guest-driver-for-tests: setup-build
	@test -e build/guest-driver/driver.json || tools/make-guest-driver --machine x86_64 --machine i386

# As a Debian package.
guest-driver-package:
	@test -e build/guest-driver/driver.json || $(MAKE) guest-driver
	tools/package-guest-driver

demo: guest
	build/vitrine demo

demo-local: setup-demo build
	build/vitrine demo --local

bench: setup-test build guest-for-tests
	$(PYTHON) bench/run.py --null
	$(PYTHON) bench/run.py
	$(PYTHON) bench/vm.py

# The source archive of the commit: build/vitrine-VERSION.tar.xz.
dist:
	@tools/make-dist

# Debian packages for the Debian that runs here: build/packages.
packages: setup-build
	@tools/make-packages

# Formats the C files; `make test` checks that this would change nothing.
format: setup-test
	$(PYTHON) tools/check_format.py --fix

clean:
	rm -rf build build-check build-asan build-tsan build-fuzz build-posix build-coverage build-without-* build-macos-* build-aarch64 build-musl
