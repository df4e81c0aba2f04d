#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a test of the page with Node.js.
if ! command -v node >/dev/null; then
	echo 'the tests of the page need Node.js: run tools/setup test' >&2
	exit 1
fi
exec node "$@"
