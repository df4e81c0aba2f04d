#!/bin/sh
# SPDX-License-Identifier: MIT
# Runs a test of the page with Node.js, if there is one.
if ! command -v node >/dev/null; then
	echo 'skipped: there is no Node.js: tools/setup test'
	exit 77
fi
exec node "$@"
